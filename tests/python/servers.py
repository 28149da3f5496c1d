"""Servers that tests start: the real one, and one that answers as a test wants."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import grpc

from boltzmann.v1 import sampler_pb2 as pb

START_TIMEOUT = 30.0


class Server:
    """A process of boltzmann-server, started and listening. `targets` are its addresses."""

    def __init__(self, program: str, directory: Path, *flags: str) -> None:
        self._log = directory / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([program, *flags], stdout=log, stderr=log)
        try:
            self.targets = self._wait_for_addresses()
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def stop(self) -> None:
        """Ends the process, if it has not ended yet."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_for_addresses(self) -> list[str]:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if "serving" in self.log:
                return re.findall(r"listening on (\S+)", self.log)
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended at once:\n{self.log}")
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start:\n{self.log}")


class FakeServer:
    """Answers unary calls by `answer(method, body, context)` and streams by `answer_stream(bodies,
    context)`, on a Unix socket."""

    def __init__(self, directory: Path, answer: Callable[..., bytes] | None = None,
                 answer_stream: Callable[..., object] | None = None) -> None:
        self.target = f"unix:{directory}/fake.sock"
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers([_Handler(answer, answer_stream)])
        self._server.add_insecure_port(self.target)
        self._server.start()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait(10)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, answer, answer_stream) -> None:
        self._answer, self._answer_stream = answer, answer_stream

    def service(self, details):
        if details.method.endswith("StreamSample"):
            return grpc.stream_stream_rpc_method_handler(self._answer_stream)
        return grpc.unary_unary_rpc_method_handler(
            lambda body, context: self._answer(details.method, body, context))


def ok_reply(count: int = 1) -> bytes:
    """The answer to `Sample` with token 1 for each of `count` rows."""
    row = pb.RowResult(status=pb.ROW_STATUS_OK, drawn=pb.TokenTable(token_ids=[1]))
    return pb.SampleResponse(results=[row] * count).SerializeToString()
