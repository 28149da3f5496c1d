"""What calls are answered with.

Each reply has the message that it was read from, `message`, for whoever wants it as it travelled,
and arrays of it, which are made when they are first asked for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from boltzmann.errors import RowError, RowsFailed
from boltzmann.v1 import sampler_pb2 as pb


class RowStatus(enum.IntEnum):
    """Whether a row could be sampled."""

    OK = pb.ROW_STATUS_OK
    """The row was sampled."""
    NAN_LOGIT = pb.ROW_STATUS_NAN_LOGIT
    """A logit is NaN."""
    POSITIVE_INFINITY = pb.ROW_STATUS_POSITIVE_INFINITY
    """A logit is +infinity."""
    NO_ALLOWED_TOKEN = pb.ROW_STATUS_NO_ALLOWED_TOKEN
    """Every logit is at -infinity, as received or once edited."""
    CANDIDATES_EXHAUSTED = pb.ROW_STATUS_CANDIDATES_EXHAUSTED
    """Answered, from the candidates of a sparse row; the full row's answer could differ."""
    INVALID_DRAFT = pb.ROW_STATUS_INVALID_DRAFT
    """Of `verify`: the draft's probabilities are none, or rule its own token out."""
    LOGITS_CHANGED = pb.ROW_STATUS_LOGITS_CHANGED
    """The row lies in shared memory, and was changed while it was read."""


ANSWERED = (RowStatus.OK, RowStatus.CANDIDATES_EXHAUSTED)
"""The statuses of rows that were sampled."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokens and what is known of each: entry i of every array speaks of the same token. An array
    is None if it was not asked for."""

    token_ids: np.ndarray
    """Int64 [n]; -1 where the row could not be sampled."""
    model_logprobs: np.ndarray | None
    """Float32 [n]: natural logarithms, under the model's distribution."""
    sampled_logprobs: np.ndarray | None
    """Float32 [n]: under the distribution drawn from; -inf for a token that was not kept."""
    ranks: np.ndarray | None
    """Int64 [n]: 1 + how many logits of the row are strictly greater."""


@dataclass(frozen=True, eq=False)
class Row:
    """The answer for one row. What was not asked for is None."""

    message: pb.RowResult
    """As it travelled."""

    @property
    def status(self) -> RowStatus:
        """Whether the row could be sampled."""
        return RowStatus(self.message.status)

    @property
    def error(self) -> str:
        """What is wrong with the row, for people; empty if its status is OK."""
        return str(self.message.message)

    @property
    def seed(self) -> int:
        """The seed that was used."""
        return int(self.message.seed)

    @cached_property
    def drawn(self) -> Tokens:
        """The tokens drawn; of `score` the token scored."""
        return _tokens(self.message.drawn)

    @cached_property
    def top_model(self) -> Tokens | None:
        """The first tokens of the row as received."""
        return self._listed("top_model")

    @cached_property
    def top_sampled(self) -> Tokens | None:
        """The first tokens of the distribution drawn from."""
        return self._listed("top_sampled")

    @cached_property
    def named(self) -> Tokens | None:
        """The tokens of `named_token_ids`."""
        return self._listed("named")

    @property
    def model_entropy(self) -> float | None:
        """Entropy of the model's distribution in bits."""
        return self._number("model_entropy")

    @property
    def sampled_entropy(self) -> float | None:
        """Entropy of the distribution drawn from in bits."""
        return self._number("sampled_entropy")

    @property
    def kept_count(self) -> int | None:
        """How many tokens the filters kept."""
        return int(self.message.kept_count) if self.message.HasField("kept_count") else None

    @property
    def kept_mass(self) -> float | None:
        """Their share of the distribution at the row's temperature, in (0, 1]."""
        return self._number("kept_mass")

    @property
    def mirostat_mu(self) -> float | None:
        """Mirostat's state for the next step."""
        return self._number("mirostat_mu")

    def _listed(self, name: str) -> Tokens | None:
        return _tokens(getattr(self.message, name)) if self.message.HasField(name) else None

    def _number(self, name: str) -> float | None:
        return float(getattr(self.message, name)) if self.message.HasField(name) else None


@dataclass(frozen=True, eq=False)
class _Rows:
    """A reply with one `RowResult` a row, in the order of the request."""

    message: Any
    """The reply as it travelled."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The answers, one a row."""
        return tuple(Row(result) for result in self._results)

    @cached_property
    def statuses(self) -> tuple[RowStatus, ...]:
        """Whether each row could be sampled."""
        return tuple(RowStatus(result.status) for result in self._results)

    @cached_property
    def row_errors(self) -> tuple[RowError, ...]:
        """The rows that could not be sampled, with why."""
        return tuple(
            RowError(index, status.name, self._results[index].message)
            for index, status in enumerate(self.statuses)
            if status not in ANSWERED
        )

    @cached_property
    def exhausted(self) -> np.ndarray:
        """Bool [B]: sparse rows whose answer could differ from the full row's."""
        return np.array([s == RowStatus.CANDIDATES_EXHAUSTED for s in self.statuses], bool)

    def raise_for_rows(self) -> None:
        """Raises `RowsFailed` if any row could not be sampled. Exhausted rows could."""
        if self.row_errors:
            raise RowsFailed(self.row_errors)

    @cached_property
    def token_ids(self) -> np.ndarray:
        """Int64: the tokens drawn, or scored. [B]; with a `draw_count` above 1 [B, n], where n is
        the largest and shorter rows end with -1. -1 where a row could not be sampled."""
        return self._drawn("token_ids", np.int64, -1)

    @cached_property
    def model_logprobs(self) -> np.ndarray:
        """Float32, of the shape of `token_ids`: under the model's distribution. NaN where none is
        stated."""
        return self._drawn("model_logprobs", np.float32, np.nan)

    @cached_property
    def sampled_logprobs(self) -> np.ndarray:
        """Float32, of the shape of `token_ids`: under the distribution drawn from. NaN where none
        is stated."""
        return self._drawn("sampled_logprobs", np.float32, np.nan)

    @cached_property
    def ranks(self) -> np.ndarray:
        """Int64, of the shape of `token_ids`: the tokens' ranks, from 1 on. -1 where none is
        stated."""
        return self._drawn("ranks", np.int64, -1)

    @cached_property
    def seeds(self) -> np.ndarray:
        """Uint64 [B]: the seeds that were used."""
        return np.fromiter((result.seed for result in self._results), np.uint64,
                           len(self._results))

    @cached_property
    def mirostat_mu(self) -> np.ndarray:
        """Float64 [B]: Mirostat's state for the next step; NaN where there is none."""
        return np.array([r.mirostat_mu if r.HasField("mirostat_mu") else np.nan
                         for r in self._results])

    @property
    def _results(self) -> Any:
        return self.message.results

    def _drawn(self, name: str, data_type: Any, missing: float) -> np.ndarray:
        """A column of the drawn tokens of all rows, as an array."""
        widest = max(len(result.drawn.token_ids) for result in self._results)
        filled = np.full((len(self._results), widest), missing, data_type)
        for row, result in zip(filled, self._results):
            column = getattr(result.drawn, name)
            row[: len(column)] = column
        return filled[:, 0] if widest == 1 else filled


class SampleReply(_Rows):
    """The answer to `sample`."""


class ScoreReply(_Rows):
    """The answer to `score`: `token_ids` and what stands beside them are the tokens scored."""

    @property
    def scored_row_count(self) -> int:
        """The rows that could be scored: what the figures below are means over."""
        return int(self.message.scored_row_count)

    @property
    def mean_negative_log_likelihood(self) -> float | None:
        """In nats; +inf if a scored token is impossible. None if no row could be scored."""
        return self._figure("mean_negative_log_likelihood")

    @property
    def perplexity(self) -> float | None:
        """exp of that."""
        return self._figure("perplexity")

    @property
    def temperature_fit(self) -> pb.TemperatureFit | None:
        """The temperature that makes the scored tokens most likely, if it was asked for."""
        has_fit = self.message.HasField("temperature_fit")
        return self.message.temperature_fit if has_fit else None

    def _figure(self, name: str) -> float | None:
        return float(getattr(self.message, name)) if self.message.HasField(name) else None


@dataclass(frozen=True, eq=False)
class VerifiedSequence:
    """The answer for one sequence with drafted tokens."""

    message: pb.VerifyResult
    """As it travelled."""

    @property
    def accepted_count(self) -> int:
        """The drafted tokens that were accepted, from the first on."""
        return int(self.message.accepted_count)

    @cached_property
    def token_ids(self) -> np.ndarray:
        """Int64 [n]: the tokens emitted, those accepted and one more unless its row could not be
        sampled."""
        return np.array(self.message.token_ids, np.int64)

    @cached_property
    def positions(self) -> tuple[Row, ...]:
        """One answer for each row that was looked at."""
        return tuple(Row(result) for result in self.message.positions)


@dataclass(frozen=True, eq=False)
class VerifyReply:
    """The answer to `verify`: one result a sequence."""

    message: pb.VerifyResponse
    """As it travelled."""

    @cached_property
    def sequences(self) -> tuple[VerifiedSequence, ...]:
        """The answers, one a sequence."""
        return tuple(VerifiedSequence(result) for result in self.message.results)

    @cached_property
    def accepted_counts(self) -> np.ndarray:
        """Int64 [S]: how many drafted tokens of each sequence were accepted."""
        return np.array([result.accepted_count for result in self.message.results], np.int64)

    @cached_property
    def token_ids(self) -> np.ndarray:
        """Int64 [S, n]: the tokens emitted, n of the longest; shorter ones end with -1."""
        results = self.message.results
        longest = max(len(result.token_ids) for result in results)
        filled = np.full((len(results), longest), -1, np.int64)
        for row, result in zip(filled, results):
            row[: len(result.token_ids)] = result.token_ids
        return filled

    @cached_property
    def row_errors(self) -> tuple[RowError, ...]:
        """The sequences that end at a row that could not be sampled; `row` is the sequence."""
        return tuple(
            RowError(index, position.status.name, position.error)
            for index, sequence in enumerate(self.sequences)
            for position in sequence.positions
            if position.status not in ANSWERED
        )

    def raise_for_rows(self) -> None:
        """Raises `RowsFailed` if any sequence ends at a row that could not be sampled."""
        if self.row_errors:
            raise RowsFailed(self.row_errors)


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Tokens and their probabilities under both distributions."""

    token_ids: np.ndarray
    """Int64 [n]."""
    model: np.ndarray
    """Float32 [n]: under the model's."""
    sampled: np.ndarray
    """Float32 [n]: under the one that would be drawn from; 0 for a token that was not kept."""


@dataclass(frozen=True)
class Stage:
    """What one stage left of a row."""

    name: str
    """As in `filter_order`; or "edits"."""
    token_count: int
    """The tokens left, without those at -inf."""
    mass: float
    """The share of the mass before the stage that it left."""
    entropy: float
    """Of what is left, in bits."""
    temperature: float
    """The temperature reached; 0 if greedy."""


@dataclass(frozen=True, eq=False)
class Description:
    """What one row would be drawn from. If it cannot be sampled, only `error` says anything."""

    message: pb.RowDescription
    """As it travelled: `model_entropy`, `sampled_entropy`, `kept_count`, `kept_mass` too."""

    @property
    def status(self) -> RowStatus:
        """Whether the row could be sampled."""
        return RowStatus(self.message.status)

    @property
    def error(self) -> str:
        """What is wrong with the row, for people; empty if its status is OK."""
        return str(self.message.message)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """What happened to the row, in order."""
        return tuple(Stage(s.stage, s.token_count, s.mass, s.entropy, s.temperature)
                     for s in self.message.stages)

    @cached_property
    def top_model(self) -> Probabilities:
        """The first tokens of the row as received, `top_count` of them."""
        return _probabilities(self.message.top_model)

    @cached_property
    def top_sampled(self) -> Probabilities:
        """The first tokens of the distribution that would be drawn from."""
        return _probabilities(self.message.top_sampled)

    @cached_property
    def model_probabilities(self) -> np.ndarray:
        """Float32 [V], with `all_tokens`; else [0]."""
        return np.array(self.message.model_probabilities, np.float32)

    @cached_property
    def sampled_probabilities(self) -> np.ndarray:
        """Float32 [V], with `all_tokens`; else [0]. 0 where a token was not kept."""
        return np.array(self.message.sampled_probabilities, np.float32)


@dataclass(frozen=True, eq=False)
class DescribeReply:
    """The answer to `describe`."""

    message: pb.DescribeResponse
    """As it travelled."""

    @cached_property
    def rows(self) -> tuple[Description, ...]:
        """The descriptions, one a row."""
        return tuple(Description(description) for description in self.message.descriptions)


@dataclass(frozen=True)
class ServerInfo:
    """What the server is, what it takes, and what has happened since it started."""

    version: str
    instruction_set: str
    worker_count: int
    stages: tuple[str, ...]
    """The stages that it knows, in the order in which they run by default."""
    data_types: tuple[str, ...]
    """The types of logits that it takes, such as "bfloat16"."""
    shared_memory_enabled: bool
    limits: dict[str, float]
    """The largest request, by the names of the fields of `Limits`; times in seconds."""
    counters: dict[str, float]
    """What has happened, by the names of the fields of `Counters`; times in seconds."""


def server_info(message: pb.GetServerInfoResponse) -> ServerInfo:
    """Of the answer to GetServerInfo."""
    prefix = len("DATA_TYPE_")
    return ServerInfo(
        message.version,
        message.instruction_set,
        message.worker_count,
        tuple(message.stages),
        tuple(pb.DataType.Name(number)[prefix:].lower() for number in message.data_types),
        message.shared_memory_enabled,
        _numbers(message.limits),
        _numbers(message.counters),
    )


def _numbers(message: Any) -> dict[str, float]:
    """The fields of a message of numbers and durations, by name."""
    found: dict[str, float] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        found[field.name] = value.ToTimedelta().total_seconds() if field.message_type else value
    return found


def _tokens(table: pb.TokenTable) -> Tokens:
    def column(values: Any, data_type: Any) -> np.ndarray | None:
        return np.array(values, data_type) if len(values) else None

    return Tokens(
        np.array(table.token_ids, np.int64),
        column(table.model_logprobs, np.float32),
        column(table.sampled_logprobs, np.float32),
        column(table.ranks, np.int64),
    )


def _probabilities(table: pb.ProbabilityTable) -> Probabilities:
    return Probabilities(
        np.array(table.token_ids, np.int64),
        np.array(table.model_probabilities, np.float32),
        np.array(table.sampled_probabilities, np.float32),
    )


