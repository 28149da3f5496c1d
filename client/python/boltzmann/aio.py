"""The client for asyncio."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from boltzmann import errors, requests
from boltzmann.aio_stream import AsyncSampleStream
from boltzmann.connection import CallMetadata, Options, check_timeout
from boltzmann.logits import Logits
from boltzmann.replies import DescribeReply, SampleReply, ScoreReply, ServerInfo, VerifyReply
from boltzmann.v1 import sampler_pb2 as pb

if TYPE_CHECKING:
    from typing import Unpack

    from boltzmann.params import Fields

_T = TypeVar("_T")


class AsyncClient:
    """As `Client`, for asyncio: every method of calls is a coroutine, with the same arguments.

    To be made, used and closed on one event loop. Rows in shared memory are shared by a `Client`
    of the same server, `Client.shared_memory`, and sent by either.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        timeout: float = 10.0,
        max_attempts: int = 3,
        caller: str | None = None,
        tls_ca: str | os.PathLike[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        tls_server_name: str | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
    ) -> None:
        """As `Client`."""
        options = Options(
            target=target, timeout=timeout, max_attempts=max_attempts, caller=caller,
            tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key, tls_server_name=tls_server_name,
            token=token, token_file=token_file,
        )
        self._timeout = timeout
        self._metadata = CallMetadata(options)
        credentials, arguments = options.credentials(), options.channel_arguments()
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, arguments)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, arguments)

    async def sample(
        self,
        logits: Logits,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Fields],
    ) -> SampleReply:
        """As `Client.sample`."""
        request = requests.sample(logits, fields)
        return await self._call(request, timeout, request_id, traceparent)

    async def score(
        self,
        logits: Logits,
        token_ids: Any,
        *,
        fit_temperature: bool = False,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Fields],
    ) -> ScoreReply:
        """As `Client.score`."""
        request = requests.score(logits, token_ids, fit_temperature, fields)
        return await self._call(request, timeout, request_id, traceparent)

    async def verify(
        self,
        logits: Logits,
        draft_token_ids: Sequence[Any],
        *,
        draft_probabilities: Sequence[Any] | None = None,
        masks: Sequence[Any] | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Fields],
    ) -> VerifyReply:
        """As `Client.verify`."""
        request = requests.verify(logits, draft_token_ids, draft_probabilities, masks, fields)
        return await self._call(request, timeout, request_id, traceparent)

    async def describe(
        self,
        logits: Logits,
        *,
        top_count: int = 0,
        all_tokens: bool = False,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Fields],
    ) -> DescribeReply:
        """As `Client.describe`."""
        request = requests.describe(logits, top_count, all_tokens, fields)
        return await self._call(request, timeout, request_id, traceparent)

    async def server_info(
        self,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> ServerInfo:
        """As `Client.server_info`."""
        return await self._call(requests.get_server_info(), timeout, request_id, traceparent)

    def stream(
        self,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> AsyncSampleStream:
        """As `Client.stream`; an asynchronous context manager."""
        method = self._channel.stream_stream(
            requests.SAMPLER + "StreamSample", None, pb.StreamSampleResponse.FromString
        )
        metadata = self._metadata.of_call(request_id, traceparent)
        return AsyncSampleStream(method(metadata=metadata), self._seconds(timeout))

    async def close(self) -> None:
        """Ends the connection, and calls that are under way."""
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await self.close()

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else check_timeout(timeout)

    async def _call(self, request: requests.Request[_T], timeout: float | None,
                    request_id: str | None, traceparent: str | None) -> _T:
        call = self._channel.unary_unary(request.method, None, request.response_class.FromString)
        metadata = self._metadata.of_call(request_id, traceparent)
        try:
            response = await call(request.body(), timeout=self._seconds(timeout),
                                  metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise errors.from_rpc(error) from None
        return request.convert(response)
