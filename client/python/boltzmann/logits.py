"""Logits as callers have them: arrays, tensors, candidates, shared memory.

Every kind becomes a `Payload`: a small message and, of arrays and tensors, the bytes of the rows
where they lie.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union

import numpy as np

from boltzmann import wire
from boltzmann.v1 import sampler_pb2 as pb
from boltzmann.values import shown

DATA_TYPES = {
    "float32": pb.DATA_TYPE_FLOAT32,
    "float16": pb.DATA_TYPE_FLOAT16,
    "bfloat16": pb.DATA_TYPE_BFLOAT16,
}
ITEM_SIZES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, eq=False)
class Bfloat16:
    """Logits in bfloat16 for those without a library that knows the type.

    The bits as an array of uint16 or int16, `[B, V]`. With ml_dtypes or torch it is not needed.
    """

    bits: np.ndarray


@dataclass(frozen=True)
class Payload:
    """Logits as they travel."""

    header: pb.Logits
    """Everything but the rows that are sent inline."""
    rows: tuple[memoryview, ...] = ()
    """The bytes of those rows, packed one after the other. None if there are no inline rows."""

    def chunks(self) -> list[bytes | memoryview]:
        """The serialized `Logits`. Copies no row."""
        head: bytes = self.header.SerializeToString()
        if not self.rows:
            return [head]
        inline = pb.Logits.INLINE_DATA_FIELD_NUMBER
        return [head, wire.prefix(inline, wire.size(self.rows)), *self.rows]


class SharedRows(Protocol):
    """Rows that lie in memory shared with the server; see `boltzmann.SharedRing`."""

    def payload(self) -> Payload:
        """Names the rows."""


Logits = Union[np.ndarray, "Bfloat16", "SparseRows", SharedRows, Any]
"""`[B, V]` logits: a numpy array of float32 or float16, or of ml_dtypes' bfloat16; a torch tensor
on the CPU; `Bfloat16`; `SparseRows`; a slot of a `SharedRing`, or its `rows(n)`."""


def payload_of(logits: Logits) -> Payload:
    """The logits as they travel. Raises TypeError or ValueError if they are no logits."""
    if hasattr(logits, "payload"):
        found: Payload = logits.payload()
        return found
    bits, data_type = raw(logits)
    if bits.ndim != 2:
        raise ValueError(f"logits: the shape {bits.shape} is not [B, V]: for a single row give "
                         "logits[None, :]")
    header = pb.Logits(data_type=DATA_TYPES[data_type], vocab_size=bits.shape[1],
                       row_count=bits.shape[0])
    return Payload(header, tuple(_row_bytes(bits)))


def raw(logits: Any, name: str = "logits") -> tuple[np.ndarray, str]:
    """The bits of an array or a tensor, as an array of the same memory, and the name of their
    type. Of bfloat16 the bits are uint16 or int16, else they are floats."""
    if isinstance(logits, Bfloat16):
        if not isinstance(logits.bits, np.ndarray) or logits.bits.dtype.str[1:] not in ("u2", "i2"):
            raise TypeError(f"{name}: Bfloat16({shown(logits.bits)}) is no array of uint16 or "
                            "int16")
        return logits.bits, "bfloat16"
    if is_tensor(logits):
        return _tensor_bits(logits, name)
    if not isinstance(logits, np.ndarray):
        raise TypeError(f"{name}: {shown(logits)} is a {type(logits).__name__}: give a numpy array "
                        "or a torch tensor of shape [B, V]")
    if logits.dtype.name == "bfloat16":
        return logits.view(np.uint16), "bfloat16"
    if logits.dtype not in (np.dtype("<f4"), np.dtype("<f2")):
        raise TypeError(f"{name}: {logits.dtype} is no type of logits: give float32, float16 or "
                        f"bfloat16, such as {name}.astype(np.float32)")
    return logits, logits.dtype.name


def is_tensor(value: object) -> bool:
    """Whether the value is a torch tensor. Does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _tensor_bits(tensor: Any, name: str) -> tuple[np.ndarray, str]:
    torch = sys.modules["torch"]
    if tensor.device.type != "cpu":
        raise TypeError(f"{name}: the tensor is on {tensor.device}: copy it, {name}.cpu(), or send "
                        "its largest logits only, boltzmann.SparseRows.top(...)")
    if tensor.layout != torch.strided or tensor.is_conj() or tensor.is_neg():
        raise TypeError(f"{name}: a tensor of layout {tensor.layout} is not dense")
    if tensor.dtype == torch.bfloat16:
        return tensor.detach().view(torch.int16).numpy(), "bfloat16"
    if tensor.dtype not in (torch.float32, torch.float16):
        raise TypeError(f"{name}: {tensor.dtype} is no type of logits: give float32, float16 or "
                        f"bfloat16, such as {name}.float()")
    array: np.ndarray = tensor.detach().numpy()
    return array, array.dtype.name


def _row_bytes(bits: np.ndarray) -> list[memoryview]:
    """The bytes of the rows: in one piece if they are packed, else row by row."""
    if bits.size == 0:
        raise ValueError(f"logits: the shape {bits.shape} holds none: give at least a row of one")
    if bits.flags.c_contiguous:
        return [bits.reshape(-1).view(np.uint8).data]
    if bits.shape[1] > 1 and bits.strides[1] != bits.itemsize:
        raise ValueError(f"logits: the logits of a row lie {bits.strides[1]} bytes apart: give "
                         "np.ascontiguousarray(logits)")
    return [np.ascontiguousarray(row).view(np.uint8).data for row in bits]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """The largest logits of each of B rows, k of them: its first tokens by (logit descending,
    token id ascending), in any order.

    A row whose answer could differ from the full row's has the status CANDIDATES_EXHAUSTED: see
    `reply.exhausted`.
    """

    token_ids: np.ndarray
    """Integers `[B, k]`, each in [0, V), none twice in a row."""
    logits: Any
    """Of each, `[B, k]`: an array or a tensor, of a type as whole rows have."""
    vocab_size: int
    """V."""
    log_sum_exp: np.ndarray | None = None
    """Of each row, `[B]`: ln of the sum of exp(logit) over all V logits. NaN: unknown. Without it
    log-probs of the model are relative to the candidates, and no nucleus can be told."""

    @staticmethod
    def top(logits: Any, count: int) -> SparseRows:
        """The `count` first tokens of each row of an array or a tensor `[B, V]`, with the row's
        log-sum-exp. A tensor's are selected on its own device. Ties go to the lower id."""
        from boltzmann import select

        return select.top(logits, count)

    def payload(self) -> Payload:
        """The rows as they travel."""
        ids, (bits, data_type) = np.asarray(self.token_ids), raw(self.logits, "sparse logits")
        if ids.ndim != 2 or ids.shape != bits.shape or ids.dtype.kind not in "iu":
            raise ValueError(f"sparse rows: token_ids are {ids.dtype} {ids.shape} and logits "
                             f"{bits.shape}: give integers and logits of one shape [B, k]")
        if not 0 < self.vocab_size < 2**32:
            raise ValueError(f"sparse rows: vocab_size: {self.vocab_size} is no size")
        header = pb.Logits(data_type=DATA_TYPES[data_type], vocab_size=self.vocab_size,
                           row_count=len(ids), sparse_rows=pb.SparseRows())
        for row, sum_of_row in enumerate(self._sums(len(ids))):
            _add_sparse_row(header.sparse_rows.rows.add(), ids[row], bits[row], sum_of_row)
        return Payload(header)

    def _sums(self, row_count: int) -> Sequence[float]:
        if self.log_sum_exp is None:
            return [np.nan] * row_count
        sums = np.asarray(self.log_sum_exp, np.float64)
        if sums.shape != (row_count,):
            raise ValueError(f"sparse rows: log_sum_exp has the shape {sums.shape} for {row_count} "
                             "rows: give one a row")
        listed: list[float] = sums.tolist()
        return listed


def _add_sparse_row(message: pb.SparseRow, ids: np.ndarray, bits: np.ndarray, sum_of_row: float
                    ) -> None:
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < 2**31:
        raise ValueError(f"sparse rows: token_ids: {ids.min()} or {ids.max()} is outside [0, 2^31)")
    packed = ids.astype("<i4").tobytes()
    number = pb.SparseRow.TOKEN_IDS_FIELD_NUMBER
    message.MergeFromString(wire.prefix(number, len(packed)) + packed)
    message.logits = bits.tobytes()
    if not np.isnan(sum_of_row):
        message.log_sum_exp = sum_of_row
