"""One call for many steps."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from boltzmann import errors, requests
from boltzmann.connection import Metadata
from boltzmann.logits import Logits
from boltzmann.replies import SampleReply
from boltzmann.v1 import sampler_pb2 as pb

if TYPE_CHECKING:
    from typing import Unpack

    from boltzmann.params import Fields


class SampleStream:
    """A stream of `sample`: many requests may be in flight, replies come in the order of the
    requests. Made by `Client.stream`; use it as a context manager.

    What is wrong with one request is raised by its `result`, and the stream goes on. After any
    other error, and after a reply that did not come within the timeout, the stream is `broken`:
    open another. Not thread-safe, but that one thread may submit while another takes results.
    """

    def __init__(self, method: Any, metadata: Metadata, timeout: float) -> None:
        self._timeout = timeout
        self._bodies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._responses: queue.SimpleQueue[pb.StreamSampleResponse | errors.CallError] = (
            queue.SimpleQueue())
        self._submitted: deque[requests.Request[SampleReply]] = deque()
        self._error: errors.CallError | None = None
        self._closed = False
        self._call = method(self._requests(), metadata=metadata)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def broken(self) -> bool:
        """Whether the stream has ended before it was closed."""
        return self._error is not None

    @property
    def in_flight(self) -> int:
        """How many results are still due."""
        return len(self._submitted)

    def submit(self, logits: Logits, **fields: Unpack[Fields]) -> None:
        """Sends a request, with the arguments of `Client.sample`. Does not wait. The logits may
        be written to once it returns, unless they lie in shared memory."""
        if self._closed:
            raise ValueError("the stream is closed")
        if self._error is not None:
            raise self._error
        request = requests.sample(logits, fields)
        self._submitted.append(request)
        self._bodies.put(requests.on_stream(request))

    def result(self) -> SampleReply:
        """The reply to the oldest request that has none yet; waits for it. ValueError if there is
        no such request."""
        if not self._submitted:
            raise ValueError("no result is due: submit() a request first")
        response = self._next_response()
        return requests.from_stream(self._submitted.popleft(), response)

    def step(self, logits: Logits, **fields: Unpack[Fields]) -> SampleReply:
        """Sends a request and waits for its reply. ValueError while other results are due."""
        if self._submitted:
            raise ValueError(f"{self.in_flight} results are due: take each with result() first")
        self.submit(logits, **fields)
        return self.result()

    def close(self) -> None:
        """Ends the stream. Results that are still due are given up."""
        if self._closed:
            return
        self._closed = True
        if self._submitted:
            self._call.cancel()
        self._bodies.put(None)
        self._reader.join(self._timeout)
        self._call.cancel()

    def __enter__(self) -> SampleStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _next_response(self) -> pb.StreamSampleResponse:
        if self._error is not None:
            raise self._error
        try:
            response = self._responses.get(timeout=self._timeout)
        except queue.Empty:
            response = errors.timed_out(self._timeout)
            self._call.cancel()
        if isinstance(response, errors.CallError):
            self._error = response
            self._bodies.put(None)
            raise response
        return response

    def _requests(self) -> Iterator[bytes]:
        """What gRPC sends, on a thread of its own."""
        while (body := self._bodies.get()) is not None:
            yield body

    def _read(self) -> None:
        """Takes replies as they come, on a thread: gRPC's own iterator waits without a limit."""
        try:
            for response in self._call:
                self._responses.put(response)
            self._responses.put(errors.Unavailable(grpc.StatusCode.UNAVAILABLE,
                                                   "the server has ended the stream"))
        except grpc.RpcError as error:
            self._responses.put(errors.from_rpc(error))
