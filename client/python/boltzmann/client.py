"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from boltzmann import errors, requests
from boltzmann.connection import CallMetadata, Options, check_timeout
from boltzmann.logits import Logits
from boltzmann.replies import DescribeReply, SampleReply, ScoreReply, ServerInfo, VerifyReply
from boltzmann.shared_memory import SharedRing
from boltzmann.stream import SampleStream
from boltzmann.v1 import sampler_pb2 as pb

if TYPE_CHECKING:
    from typing import Unpack

    from boltzmann.params import Fields

_T = TypeVar("_T")


class Client:
    """Calls a server, and waits for its answers. `AsyncClient` is the same for asyncio.

    Every call has a deadline, and is tried again while the server is not up, drains, or has no
    room. Any thread may call at any time. Close it, or use it as a context manager. Not for use
    after a fork: make a client in the child.

    Every method of calls takes, beside its own arguments:

    * `timeout`: seconds that this call may take, its retries included, in place of the client's;
    * `request_id`: goes to the server's log, as the metadata `x-request-id`;
    * `traceparent`: of W3C's trace context, goes to the server's log too.

    A call that fails raises a subclass of `CallError`; a wrong argument ValueError or TypeError.
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
        """Connects at the first call. Raises ValueError if an argument is out of its range.

        Args:
          target: HOST:PORT, unix:PATH, ipv4:HOST:PORT,HOST:PORT (calls go to each in turn), or
            another target of gRPC's.
          timeout: seconds that a call may take, its retries included. Positive and finite.
          max_attempts: how often a call is tried. From 1 to 5.
          caller: who calls, to a server that shares itself out fairly: clients of one value are
            one caller. Up to 128 visible ASCII characters; by default random.
          tls_ca: PEM file of who signed the server's certificate. With it the client speaks TLS.
          tls_cert, tls_key: PEM files of the client's own certificate and key.
          tls_server_name: the name that the server's certificate has, if not the target's.
          token: sent as `authorization: Bearer TOKEN`. Without TLS whoever is on the way reads it.
          token_file: a file that holds the token, read again when it has changed.
        """
        options = Options(
            target=target, timeout=timeout, max_attempts=max_attempts, caller=caller,
            tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key, tls_server_name=tls_server_name,
            token=token, token_file=token_file,
        )
        self._timeout = timeout
        self._metadata = CallMetadata(options)
        credentials, arguments = options.credentials(), options.channel_arguments()
        if credentials is None:
            self._channel = grpc.insecure_channel(target, arguments)
        else:
            self._channel = grpc.secure_channel(target, credentials, arguments)

    def sample(
        self,
        logits: Logits,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Fields],
    ) -> SampleReply:
        """Draws the next token, or several, for each row: one decode step.

        Args:
          logits: `[B, V]`; see `boltzmann.Logits`.
          fields: those of `Params`, `Outputs` and `State`, by name: each a value for all rows, or
            a list or an array of one a row. Or as `params`, `outputs` and `state`, over which the
            named ones lie.
        """
        request = requests.sample(logits, fields)
        return self._call(request, timeout, request_id, traceparent)

    def score(
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
        """Tells the log-prob and the rank of a given token for each row. Draws nothing.

        Args:
          logits: as of `sample`, but not sparse.
          token_ids: `[B]` integers, one a row.
          fit_temperature: whether to find the temperature that makes these tokens most likely.
          fields: as of `sample`, without `draw_count`.
        """
        request = requests.score(logits, token_ids, fit_temperature, fields)
        return self._call(request, timeout, request_id, traceparent)

    def verify(
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
        """Verifies drafted tokens against the model's rows: speculative decoding.

        Args:
          logits: the rows of the first sequence, then those of the second, and so on: n + 1 for n
            drafted tokens.
          draft_token_ids: one list of n token ids a sequence; n may differ, and may be 0.
          draft_probabilities: what the tokens were drafted from, if not with certainty: for each
            sequence `[n, V]` probabilities as an array or a tensor, or a list of n pairs
            (token_ids, probabilities) of those above 0, or None.
          masks: for each sequence n + 1 masks (None allows all), or None.
          fields: as of `sample`, one a sequence: its state at the first drafted token.
        """
        request = requests.verify(logits, draft_token_ids, draft_probabilities, masks, fields)
        return self._call(request, timeout, request_id, traceparent)

    def describe(
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
        """Describes what each row would be drawn from. Draws nothing.

        Args:
          logits: as of `sample`.
          top_count: list this many first tokens of both distributions. In [0, V].
          all_tokens: whether to state every token's probabilities.
          fields: those of `Params` and `State`, as of `sample`, without `draw_count`.
        """
        request = requests.describe(logits, top_count, all_tokens, fields)
        return self._call(request, timeout, request_id, traceparent)

    def server_info(
        self,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> ServerInfo:
        """Tells the server's version, limits and features."""
        return self._call(requests.get_server_info(), timeout, request_id, traceparent)

    def stream(
        self,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> SampleStream:
        """Opens one call for many steps of `sample`; `timeout` is for each reply. A context
        manager."""
        call = self._channel.stream_stream(
            requests.SAMPLER + "StreamSample", None, pb.StreamSampleResponse.FromString
        )
        metadata = self._metadata.of_call(request_id, traceparent)
        return SampleStream(call, metadata, self._seconds(timeout))

    def shared_memory(
        self,
        directory: str | os.PathLike[str],
        shape: tuple[int, int],
        data_type: str = "float32",
        *,
        slot_count: int = 2,
        lease: float = 60.0,
        mode: int = 0o600,
    ) -> SharedRing:
        """Shares memory with a server on this host, so that logits need not be sent. A context
        manager; an `AsyncClient` of the same server may send its slots too.

        Args:
          directory: what the server was started with, `--shared_memory_dir`, as seen from here.
          shape: (B, V) of the largest step.
          data_type: "float32", "float16" or "bfloat16".
          slot_count: one for each step in flight, and one more where the next is written meanwhile.
          lease: for how many seconds the server keeps the memory after this process has died. From
            1 to the server's `max_region_lease`. It is renewed in the background.
          mode: of the file, in the moment for which it has a name: 0o600 if the server runs as the
            same user, else such as 0o640, so that it can read.
        """
        return SharedRing(self._call_of_ring, directory, shape, data_type, slot_count=slot_count,
                          lease=lease, mode=mode)

    def close(self) -> None:
        """Ends the connection, and calls that are under way."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else check_timeout(timeout)

    def _call_of_ring(self, request: requests.Request[_T]) -> _T:
        return self._call(request, None, None, None)

    def _call(self, request: requests.Request[_T], timeout: float | None, request_id: str | None,
              traceparent: str | None) -> _T:
        call = self._channel.unary_unary(request.method, None, request.response_class.FromString)
        metadata = self._metadata.of_call(request_id, traceparent)
        try:
            response = call(request.body(), timeout=self._seconds(timeout), metadata=metadata)
        except grpc.RpcError as error:
            raise errors.from_rpc(error) from None
        return request.convert(response)
