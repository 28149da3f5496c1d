"""The fields that a row may have besides its logits.

`sampler.proto` says what every field means, in full. A field that is None is unset. Ranges are
checked by the server, which names every value that is outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Union

import numpy as np

_T = TypeVar("_T")

TokenIds = Union[Sequence[int], np.ndarray]
"""Token ids, each in [0, V): a sequence of int, or a 1-D array of any integer type."""

PerRow = Union[_T, None, Sequence[Union[_T, None]], np.ndarray]
"""One value for all rows, or a sequence or an array of one a row (None: unset for that row)."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """How a row's token is chosen: `SamplingParams`."""

    temperature: float | None = None
    """Each logit is divided by it. Finite, >= 0; below 1e-5 the row is greedy. Default 1."""
    min_p: float | None = None
    """Keep tokens of at least this times the largest probability. In [0, 1]; 0 is off."""
    top_k: int | None = None
    """Keep the first `top_k` tokens, exactly. >= -1; 0 and -1 are off, 1 is greedy."""
    top_p: float | None = None
    """Keep tokens while the mass before them is below it. In (0, 1]; 1 is off."""
    typical_p: float | None = None
    """Locally typical sampling. In (0, 1]; 1 is off."""
    epsilon_cutoff: float | None = None
    """Keep tokens of at least this probability. In [0, 1); 0 is off."""
    eta_cutoff: float | None = None
    """The same, with a cut-off that goes down with the entropy. In [0, 1); 0 is off."""
    top_n_sigma: float | None = None
    """Keep logits of at least max - this * their standard deviation. >= 0; 0 is off."""
    xtc_probability: float | None = None
    """How often the top choices are excluded. In [0, 1]; 0 is off."""
    xtc_threshold: float | None = None
    """From which probability on a token is a top choice. In [0, 1]; default 0.1."""
    dynamic_temperature_range: float | None = None
    """How far the temperature may go up and down with the entropy. >= 0; 0 is off."""
    dynamic_temperature_exponent: float | None = None
    """How it goes. > 0; default 1."""
    mirostat: int | None = None
    """1 or 2: keep the surprise near a target, see `State.mirostat_mu`; 0 is off."""
    mirostat_tau: float | None = None
    """The target surprise in bits. >= 0; default 5."""
    mirostat_eta: float | None = None
    """The learning rate. >= 0; default 0.1."""
    filter_order: Sequence[str] | None = None
    """The names of the stages in the order in which they run; none means the server's."""
    logit_bias: Mapping[int, float] | None = None
    """What is added to the logits of some tokens; -inf rules out, +inf rules all others out."""
    allowed_token_ids: TokenIds | None = None
    """If there are any, only these tokens may be drawn."""
    banned_token_ids: TokenIds | None = None
    """These tokens are never drawn."""
    banned_sequences: Sequence[TokenIds] | None = None
    """The last token of each is not drawn where the history ends with the rest."""
    min_tokens: int | None = None
    """While there are fewer output tokens, no token of `stop_token_ids` is drawn."""
    stop_token_ids: TokenIds | None = None
    """The tokens that end a text; used by `min_tokens` only."""
    repetition_penalty: float | None = None
    """Divides the positive logits of tokens in the history, multiplies others. > 0; 1 is off."""
    frequency_penalty: float | None = None
    """Subtracted for each time a token is in the output. In [-2, 2]; 0 is off."""
    presence_penalty: float | None = None
    """Subtracted once if a token is in the output. In [-2, 2]; 0 is off."""
    dry_multiplier: float | None = None
    """How much DRY takes from a token that would go on with a repetition. >= 0; 0 is off."""
    dry_base: float | None = None
    """How that grows with the repetition's length. >= 1; default 1.75."""
    dry_allowed_length: int | None = None
    """From which length on. >= 1; default 2."""
    dry_range: int | None = None
    """How many last tokens of the history DRY looks at; 0 means all."""
    dry_sequence_breakers: Sequence[TokenIds] | None = None
    """What a repetition never reaches across."""
    no_repeat_ngram_size: int | None = None
    """No token completes an n-gram of this length which the history has; 0 is off."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What to report about a row besides the tokens drawn: `OutputOptions`."""

    logprobs: str | None = None
    """Which log-probs to state: "both" (the default), "model", "sampled" or "none"."""
    ranks: bool | None = None
    """Whether to state the rank of every listed token."""
    top_model_count: int | None = None
    """List this many first tokens of the row as received. In [0, V]."""
    top_sampled_count: int | None = None
    """List this many first tokens of the distribution drawn from. In [0, V]."""
    named_token_ids: TokenIds | None = None
    """List these tokens too, in this order."""
    entropy: bool | None = None
    """Whether to report both entropies, in bits."""
    kept_stats: bool | None = None
    """Whether to report how many tokens were kept, and their mass."""


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """The state of the sequence that a row continues: `RowState`."""

    seed: int | None = None
    """The sequence's seed, in [0, 2^64). Unset means a random one; the reply names it."""
    position: int | None = None
    """The index of the token that is generated: one more each step. In [0, 2^64); default 0."""
    draw_count: int | None = None
    """How many tokens to draw, with replacement. From 1 to 1,048,576; default 1."""
    prompt_token_ids: TokenIds | None = None
    """The history that was given, oldest first; only needed by what goes by the history."""
    output_token_ids: TokenIds | None = None
    """The history that was generated, oldest first."""
    allowed_token_mask: np.ndarray | None = None
    """A 1-D array of int32 or uint32, as xgrammar and llguidance make them: token j at word
    j / 32, bit j % 32, 1 = allowed. At most ceil(V / 32) words; what is past them is denied."""
    mirostat_mu: float | None = None
    """Mirostat's state: what the reply of the step before says. Unset: a text starts."""


class Fields(TypedDict, total=False):
    """The keywords of `sample`: the fields of `Params`, `Outputs` and `State`, each for all rows
    or one a row."""

    params: PerRow[Params]
    outputs: PerRow[Outputs]
    state: PerRow[State]

    temperature: PerRow[float]
    min_p: PerRow[float]
    top_k: PerRow[int]
    top_p: PerRow[float]
    typical_p: PerRow[float]
    epsilon_cutoff: PerRow[float]
    eta_cutoff: PerRow[float]
    top_n_sigma: PerRow[float]
    xtc_probability: PerRow[float]
    xtc_threshold: PerRow[float]
    dynamic_temperature_range: PerRow[float]
    dynamic_temperature_exponent: PerRow[float]
    mirostat: PerRow[int]
    mirostat_tau: PerRow[float]
    mirostat_eta: PerRow[float]
    filter_order: PerRow[Sequence[str]]
    logit_bias: PerRow[Mapping[int, float]]
    allowed_token_ids: PerRow[TokenIds]
    banned_token_ids: PerRow[TokenIds]
    banned_sequences: PerRow[Sequence[TokenIds]]
    min_tokens: PerRow[int]
    stop_token_ids: PerRow[TokenIds]
    repetition_penalty: PerRow[float]
    frequency_penalty: PerRow[float]
    presence_penalty: PerRow[float]
    dry_multiplier: PerRow[float]
    dry_base: PerRow[float]
    dry_allowed_length: PerRow[int]
    dry_range: PerRow[int]
    dry_sequence_breakers: PerRow[Sequence[TokenIds]]
    no_repeat_ngram_size: PerRow[int]

    logprobs: PerRow[str]
    ranks: PerRow[bool]
    top_model_count: PerRow[int]
    top_sampled_count: PerRow[int]
    named_token_ids: PerRow[TokenIds]
    entropy: PerRow[bool]
    kept_stats: PerRow[bool]

    seed: PerRow[int]
    position: PerRow[int]
    draw_count: PerRow[int]
    prompt_token_ids: PerRow[TokenIds]
    output_token_ids: PerRow[TokenIds]
    allowed_token_mask: PerRow[np.ndarray]
    mirostat_mu: PerRow[float]


Values = dict[str, Any]
"""The fields of one row that are set, by name."""
