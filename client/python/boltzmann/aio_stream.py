"""One call for many steps, for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from boltzmann import errors, requests
from boltzmann.logits import Logits
from boltzmann.replies import SampleReply
from boltzmann.v1 import sampler_pb2 as pb

if TYPE_CHECKING:
    from typing import Unpack

    from boltzmann.params import Fields


class AsyncSampleStream:
    """As `SampleStream`, for asyncio. Made by `AsyncClient.stream`.

    One task may submit while another takes results.
    """

    def __init__(self, call: Any, timeout: float) -> None:
        self._call = call
        self._timeout = timeout
        self._submitted: deque[requests.Request[SampleReply]] = deque()
        self._error: errors.CallError | None = None

    @property
    def broken(self) -> bool:
        """Whether the stream has ended before it was closed."""
        return self._error is not None

    @property
    def in_flight(self) -> int:
        """How many results are still due."""
        return len(self._submitted)

    async def submit(self, logits: Logits, **fields: Unpack[Fields]) -> None:
        """As `SampleStream.submit`; waits while gRPC has no room for the request."""
        if self._error is not None:
            raise self._error
        request = requests.sample(logits, fields)
        self._submitted.append(request)
        await self._guarded(self._call.write(requests.on_stream(request)))

    async def result(self) -> SampleReply:
        """As `SampleStream.result`."""
        if not self._submitted:
            raise ValueError("no result is due: submit() a request first")
        if self._error is not None:
            raise self._error
        response = await self._guarded(self._call.read())
        if response is grpc.aio.EOF:
            await self._raise_end()
        assert isinstance(response, pb.StreamSampleResponse)
        return requests.from_stream(self._submitted.popleft(), response)

    async def step(self, logits: Logits, **fields: Unpack[Fields]) -> SampleReply:
        """As `SampleStream.step`."""
        if self._submitted:
            raise ValueError(f"{self.in_flight} results are due: take each with result() first")
        await self.submit(logits, **fields)
        return await self.result()

    async def close(self) -> None:
        """Ends the stream. Results that are still due are given up."""
        if not self._submitted and self._error is None and not self._call.done():
            await self._call.done_writing()
        else:
            self._call.cancel()
            return
        try:
            await asyncio.wait_for(self._call.code(), self._timeout)
        except asyncio.TimeoutError:
            self._call.cancel()

    async def __aenter__(self) -> AsyncSampleStream:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await self.close()

    async def _guarded(self, operation: Any) -> Any:
        """Awaits an operation for as long as the timeout allows; an error breaks the stream."""
        try:
            return await asyncio.wait_for(operation, self._timeout)
        except asyncio.TimeoutError:
            self._error = errors.timed_out(self._timeout)
            self._call.cancel()
        except grpc.aio.AioRpcError as error:
            self._error = errors.from_rpc(error)
        except asyncio.InvalidStateError:
            await self._raise_end()
        raise self._error or errors.internal("the stream ended without a reason")

    async def _raise_end(self) -> None:
        """Raises what the server ended the stream with."""
        code, details = await self._call.code(), await self._call.details()
        trailers = await self._call.trailing_metadata()
        if code == grpc.StatusCode.OK:
            code, details = grpc.StatusCode.UNAVAILABLE, "the server has ended the stream"
        self._error = errors.from_rpc(grpc.aio.AioRpcError(code, (), trailers, details))
        raise self._error
