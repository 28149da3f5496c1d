"""The fields of a batch: what is for all rows, and what is one a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from difflib import get_close_matches
from typing import Any

from boltzmann.params import Outputs, Params, State, Values
from boltzmann.v1 import sampler_pb2 as pb
from boltzmann.values import fill, is_list, is_one_for_all, shown

_KINDS = {
    "params": (Params, pb.SamplingParams),
    "outputs": (Outputs, pb.OutputOptions),
    "state": (State, pb.RowState),
}
_KIND_OF_NAME = {
    field.name: kind for kind, (cls, _) in _KINDS.items() for field in dataclass_fields(cls)
}


class Batch:
    """The fields of `count` rows, or sequences, sorted by the message that they belong to.

    A field that is named lies over the same field of `params`, `outputs` or `state`.
    """

    def __init__(self, method: str, fields: Mapping[str, Any], count: int, without: str = "",
                 unit: str = "rows") -> None:
        """`without` is a kind that the method does not take. Raises TypeError for a name that is
        unknown, ValueError for a list of another length than `count`."""
        self._count = count
        self._unit = unit
        self._bases = {kind: fields.get(kind) for kind in _KINDS}
        self._named: dict[str, Values] = {kind: {} for kind in _KINDS}
        for name, value in fields.items():
            kind = name if name in _KINDS else _KIND_OF_NAME.get(name)
            if kind is None or kind == without:
                raise TypeError(_unknown(method, name, without))
            if name not in _KINDS:
                self._named[kind][name] = value

    def messages(self, kind: str) -> list[Any]:
        """The messages of a kind: none if nothing is set, one if every row has the same, else
        one a row."""
        if self._bases[kind] is None and not self._named[kind]:
            return []
        everyone, each = self._split(kind)
        rows = range(self._count) if each or kind == "state" else range(1)
        return [self._message(kind, everyone, each, row) for row in rows]

    def _split(self, kind: str) -> tuple[Values, dict[str, Sequence[Any]]]:
        """What is set for everyone, and what is one a row."""
        message_class = _KINDS[kind][1]
        everyone: Values = {}
        each: dict[str, Sequence[Any]] = {}
        if is_list(self._bases[kind]):
            each[kind] = self._checked(kind, self._bases[kind])
        for name, value in self._named[kind].items():
            if is_one_for_all(message_class, name, value):
                everyone[name] = value
            else:
                each[name] = self._checked(name, value)
        return everyone, each

    def _checked(self, name: str, value: Any) -> Sequence[Any]:
        if len(value) != self._count:
            raise ValueError(f"{name}: has {len(value)} entries for {self._count} {self._unit}: "
                             f"give one value, or one for each of the {self._unit}")
        listed: Sequence[Any] = value.tolist() if getattr(value, "ndim", 0) == 1 else value
        return listed

    def _message(self, kind: str, everyone: Values, each: Mapping[str, Sequence[Any]],
                 row: int) -> Any:
        cls, message_class = _KINDS[kind]
        base = each[kind][row] if kind in each else self._bases[kind]
        if base is not None and not isinstance(base, cls):
            raise TypeError(f"{kind}: {shown(base)} is no boltzmann.{cls.__name__}")
        values = dict(vars(base)) if base is not None else {}
        values.update(everyone)
        values.update((name, listed[row]) for name, listed in each.items() if name != kind)
        message = message_class()
        fill(message, values)
        return message


def _unknown(method: str, name: str, without: str) -> str:
    known = [*_KINDS, *_KIND_OF_NAME]
    close = [match for match in get_close_matches(name, known, 1) if match != name]
    if _KIND_OF_NAME.get(name, name) == without:
        return f"{name}: {method}() does not take it"
    hint = f": did you mean {close[0]}?" if close else ": see boltzmann.Params, Outputs and State"
    return f"{name}: {method}() knows no such argument{hint}"
