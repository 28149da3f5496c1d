"""Selects the largest logits of rows, for `SparseRows.top`.

Ties at the last place go to the lower id, as the service has it; argpartition and topk leave them
to chance.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from boltzmann.logits import Bfloat16, SparseRows, is_tensor, raw
from boltzmann.values import shown


def top(logits: Any, count: int) -> SparseRows:
    """See `SparseRows.top`. O(B V); an array of 16-bit logits is widened on the way."""
    if is_tensor(logits):
        return _top_of_tensor(logits, _checked(count, logits.shape))
    bits, data_type = raw(logits)
    count = _checked(count, bits.shape)
    values = _widened(bits, data_type)
    ids = _first_ids(np.where(np.isnan(values), np.inf, values), count)
    chosen = np.take_along_axis(bits, ids, axis=1)
    return SparseRows(ids, Bfloat16(chosen) if data_type == "bfloat16" else chosen,
                      bits.shape[1], _log_sum_exp(values))


def _checked(count: int, shape: Any) -> int:
    if len(shape) != 2:
        raise ValueError(f"logits: the shape {tuple(shape)} is not [B, V]")
    if not 1 <= count <= shape[1]:
        raise ValueError(f"count: {shown(count)} is outside [1, {shape[1]}]")
    return count


def _widened(bits: np.ndarray, data_type: str) -> np.ndarray:
    if data_type == "bfloat16":
        return (bits.astype(np.uint16, copy=False).astype(np.uint32) << 16).view(np.float32)
    return bits.astype(np.float32, copy=False)


def _first_ids(values: np.ndarray, count: int) -> np.ndarray:
    """The ids of each row's first tokens, ascending: int64 [B, count]."""
    last_place = values.shape[1] - count
    ids = np.empty((len(values), count), np.int64)
    for row, found in zip(values, ids):
        least = np.partition(row, last_place)[last_place]
        above = np.flatnonzero(row > least)
        level = np.flatnonzero(row == least)[: count - len(above)]
        found[:] = np.sort(np.concatenate([above, level]))
    return ids


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    """Float64 [B]; NaN for a row that has none, because of a NaN or an infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        most = values.max(axis=1, keepdims=True)
        sums = np.exp(values - most).sum(axis=1, dtype=np.float64)
        found = most[:, 0] + np.log(sums)
    finite: np.ndarray = np.where(np.isfinite(found), found, np.nan)
    return finite


def _top_of_tensor(logits: Any, count: int) -> SparseRows:
    torch = sys.modules["torch"]
    values = torch.nan_to_num(logits.detach().float(), nan=np.inf, posinf=np.inf, neginf=-np.inf)
    least = torch.topk(values, count, dim=1).values[:, -1:]
    above, level = values > least, values == least
    room = count - above.sum(dim=1, keepdim=True)
    chosen = above | (level & (level.cumsum(dim=1) <= room))
    ids = chosen.nonzero()[:, 1].view(len(values), count)
    sums = torch.logsumexp(logits.detach().float(), dim=1).cpu().numpy().astype(np.float64)
    return SparseRows(ids.cpu().numpy(), logits.detach().gather(1, ids).cpu(), logits.shape[1],
                      np.where(np.isfinite(sums), sums, np.nan))
