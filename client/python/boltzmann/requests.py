"""The methods of the API as requests: what is sent, and what is made of the answer.

The blocking client, the asyncio client and the streams differ in how they send these, and in
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from boltzmann import errors, wire
from boltzmann.batch import Batch
from boltzmann.logits import DATA_TYPES, Logits, Payload, payload_of, raw
from boltzmann.replies import (
    DescribeReply,
    SampleReply,
    ScoreReply,
    ServerInfo,
    VerifyReply,
    server_info,
)
from boltzmann.v1 import sampler_pb2 as pb
from boltzmann.values import is_list, mask_words, shown, token_ids

SAMPLER = "/boltzmann.v1.SamplerService/"
REGIONS = "/boltzmann.v1.RegionService/"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Request(Generic[_T]):
    """One call."""

    method: str
    """Its full name."""
    chunks: Sequence[bytes | memoryview]
    """The serialized message, in pieces."""
    response_class: Any
    """The class of the answer's message."""
    convert: Callable[[Any], _T]
    """Makes the reply of it. Raises `CallError` if the answer makes no sense."""

    def body(self) -> bytes:
        """The serialized message. The one copy of the logits that is made before gRPC's own."""
        return b"".join(self.chunks)


def sample(logits: Logits, fields: Mapping[str, Any]) -> Request[SampleReply]:
    """`Sample`."""
    payload = payload_of(logits)
    batch = Batch("sample", fields, payload.header.row_count)
    message = pb.SampleRequest(params=batch.messages("params"), outputs=batch.messages("outputs"),
                               rows=batch.messages("state"))
    return _of_rows("Sample", payload, message, pb.SampleResponse, SampleReply)


def score(logits: Logits, tokens: Any, fit_temperature: bool, fields: Mapping[str, Any]
          ) -> Request[ScoreReply]:
    """`Score`: one token a row."""
    payload = payload_of(logits)
    count = payload.header.row_count
    batch = Batch("score", fields, count)
    ids = token_ids("token_ids", tokens)
    if len(ids) != count:
        raise ValueError(f"token_ids: has {len(ids)} entries for {count} rows: give one a row")
    message = pb.ScoreRequest(params=batch.messages("params"), outputs=batch.messages("outputs"),
                              rows=batch.messages("state"), token_ids=ids.tolist(),
                              fit_temperature=fit_temperature)
    return _of_rows("Score", payload, message, pb.ScoreResponse, ScoreReply)


def describe(logits: Logits, top_count: int, all_tokens: bool, fields: Mapping[str, Any]
             ) -> Request[DescribeReply]:
    """`Describe`."""
    payload = payload_of(logits)
    batch = Batch("describe", fields, payload.header.row_count, without="outputs")
    if not isinstance(top_count, int) or not 0 <= top_count < 2**32:
        raise ValueError(f"top_count: {shown(top_count)} is no integer in [0, V]")
    message = pb.DescribeRequest(params=batch.messages("params"), rows=batch.messages("state"),
                                 top_count=top_count, all_tokens=all_tokens)

    def convert(response: pb.DescribeResponse) -> DescribeReply:
        _check_count(response.descriptions, payload.header.row_count)
        return DescribeReply(response)

    chunks = _with_logits(message, payload)
    return Request(SAMPLER + "Describe", chunks, pb.DescribeResponse, convert)


def verify(
    logits: Logits,
    draft_token_ids: Sequence[Any],
    draft_probabilities: Sequence[Any] | None,
    masks: Sequence[Any] | None,
    fields: Mapping[str, Any],
) -> Request[VerifyReply]:
    """`Verify`: sequences with drafted tokens, n + 1 rows each."""
    payload = payload_of(logits)
    if not is_list(draft_token_ids):
        raise TypeError(f"draft_token_ids: {shown(draft_token_ids)} is no list: give one list of "
                        "token ids a sequence")
    drafts = [token_ids("draft_token_ids", draft) for draft in draft_token_ids]
    _check_row_count(payload, drafts)
    batch = Batch("verify", fields, len(drafts), unit="sequences")
    message = pb.VerifyRequest(params=batch.messages("params"), outputs=batch.messages("outputs"))
    states = batch.messages("state") or [None] * len(drafts)
    all_probabilities = _one_each("draft_probabilities", draft_probabilities, len(drafts))
    all_masks = _one_each("masks", masks, len(drafts))
    for draft, state, probabilities, mask in zip(drafts, states, all_probabilities, all_masks):
        sequence = message.sequences.add(state=state, draft_token_ids=draft.tolist())
        _add_probabilities(sequence, probabilities, len(draft))
        _add_masks(sequence, mask, len(draft))

    def convert(response: pb.VerifyResponse) -> VerifyReply:
        _check_count(response.results, len(drafts))
        return VerifyReply(response)

    chunks = _with_logits(message, payload)
    return Request(SAMPLER + "Verify", chunks, pb.VerifyResponse, convert)


def get_server_info() -> Request[ServerInfo]:
    """`GetServerInfo`."""
    return Request(SAMPLER + "GetServerInfo", [b""], pb.GetServerInfoResponse, server_info)


def of_regions(method: str, message: Any, response_class: Any) -> Request[Any]:
    """A method of `RegionService`, answered with the message itself."""
    return Request(REGIONS + method, [message.SerializeToString()], response_class, lambda m: m)


def on_stream(request: Request[SampleReply]) -> bytes:
    """A request of `sample` as one of `StreamSample`."""
    number = pb.StreamSampleRequest.REQUEST_FIELD_NUMBER
    return b"".join(wire.nested(number, request.chunks))


def from_stream(request: Request[SampleReply], response: pb.StreamSampleResponse) -> SampleReply:
    """The reply to a request on a stream. Raises `CallError` if it was refused."""
    if response.HasField("error"):
        raise errors.from_status(response.error)
    return request.convert(response.response)


def _of_rows(method: str, payload: Payload, message: Any, response_class: Any,
             reply_class: Callable[[Any], _T]) -> Request[_T]:
    def convert(response: Any) -> _T:
        _check_count(response.results, payload.header.row_count)
        return reply_class(response)

    return Request(SAMPLER + method, _with_logits(message, payload), response_class, convert)


def _with_logits(message: Any, payload: Payload) -> list[bytes | memoryview]:
    """The message, serialized, with the logits as one more field of it. Every request has them as
    its first."""
    return [*wire.nested(message.LOGITS_FIELD_NUMBER, payload.chunks()),
            message.SerializeToString()]


def _check_count(results: Sequence[Any], expected: int) -> None:
    if len(results) != expected:
        raise errors.internal(f"the server sent {len(results)} results where {expected} were due")


def _check_row_count(payload: Payload, drafts: Sequence[np.ndarray]) -> None:
    expected = sum(len(draft) + 1 for draft in drafts)
    if payload.header.row_count != expected:
        raise ValueError(f"logits: has {payload.header.row_count} rows for {len(drafts)} sequences "
                         f"of {[len(draft) for draft in drafts]} drafted tokens: give one more row "
                         f"than drafted tokens each, {expected} in all")


def _one_each(name: str, value: Sequence[Any] | None, count: int) -> Sequence[Any]:
    if value is None:
        return [None] * count
    if not is_list(value) or len(value) != count:
        raise ValueError(f"{name}: {shown(value)} is no list of {count}: give one entry a "
                         "sequence, None for none")
    return value


def _add_probabilities(sequence: pb.DraftSequence, probabilities: Any, count: int) -> None:
    """`[count, V]` probabilities, or `count` pairs (token ids, probabilities)."""
    if probabilities is None:
        return
    if isinstance(probabilities, Sequence):
        _add_sparse_probabilities(sequence, probabilities, count)
        return
    bits, data_type = raw(probabilities, "draft_probabilities")
    if bits.ndim != 2 or len(bits) != count:
        raise ValueError(f"draft_probabilities: the shape {bits.shape} is not [{count}, V]")
    sequence.dense_draft.data_type = DATA_TYPES[data_type]
    sequence.dense_draft.probabilities = bits.tobytes()


def _add_sparse_probabilities(sequence: pb.DraftSequence, pairs: Sequence[Any], count: int) -> None:
    if len(pairs) != count:
        raise ValueError(f"draft_probabilities: has {len(pairs)} entries for {count} drafted "
                         "tokens: give one (token_ids, probabilities) each")
    for ids, probabilities in pairs:
        sequence.sparse_draft.add(
            token_ids=token_ids("draft_probabilities", ids).tolist(),
            probabilities=np.asarray(probabilities, np.float32).tolist(),
        )


def _add_masks(sequence: pb.DraftSequence, masks: Any, count: int) -> None:
    if masks is None:
        return
    if len(masks) != count + 1:
        raise ValueError(f"masks: has {len(masks)} for {count} drafted tokens: give one more than "
                         "those, None for one that allows all")
    for mask in masks:
        sequence.masks.add(words=None if mask is None else mask_words("masks", mask))
