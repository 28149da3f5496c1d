"""Values of Python's into fields of messages, each by the kind of its field.

Every mistake is a TypeError or a ValueError that names the field, the value and the way out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor

from boltzmann import wire
from boltzmann.params import Values
from boltzmann.v1 import sampler_pb2 as pb

_LOGPROB_MODES = {
    "none": pb.LOGPROB_MODE_NONE,
    "model": pb.LOGPROB_MODE_MODEL,
    "sampled": pb.LOGPROB_MODE_SAMPLED,
    "both": pb.LOGPROB_MODE_BOTH,
}
_INTEGER_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def shown(value: object) -> str:
    """The value as a message shows it: its first 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_list(value: object) -> bool:
    """Whether the value is several: a sequence, an array or a tensor with a dimension."""
    if isinstance(value, (str, bytes, Mapping)):
        return False
    if hasattr(value, "ndim"):
        return bool(value.ndim > 0)
    return isinstance(value, (Sequence, range))


def depth(value: object) -> int:
    """How many lists are around the value's elements. Looks at the first of a flat list only."""
    if not is_list(value):
        return 0
    if hasattr(value, "ndim"):
        return int(value.ndim)
    assert isinstance(value, Sequence)
    first = next((element for element in value if element is not None), None)
    if not is_list(first):
        return 1
    return 1 + max(depth(element) for element in value if element is not None)


def token_ids(name: str, value: Any) -> np.ndarray:
    """A list of token ids as int32 [n]."""
    if not is_list(value):
        raise TypeError(f"{name}: {shown(value)} is no list of token ids: give a sequence of int")
    array = np.asarray(value)
    if array.size == 0:
        return np.empty(0, "<i4")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name}: {shown(value)} is no flat list of token ids: give a sequence of "
                        "int, or a 1-D array of an integer type")
    for extreme in (array.min(), array.max()):
        if not 0 <= int(extreme) < 2**31:
            raise ValueError(f"{name}: {extreme} is outside [0, 2^31)")
    return array.astype("<i4", copy=False)


def mask_words(name: str, value: Any) -> bytes:
    """One mask's words, little-endian."""
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype not in (np.dtype("<i4"), np.dtype("<u4")):
        raise TypeError(f"{name}: an array of {array.dtype} with shape {array.shape} is no mask: "
                        "give 1-D int32 or uint32, bit j % 32 of word j / 32 for token j")
    return array.tobytes()


def fill(message: Any, values: Values) -> None:
    """Sets the fields of a message that `values` names; None stays unset."""
    for name, value in values.items():
        if value is not None:
            _setter(message.DESCRIPTOR.fields_by_name[name])(message, name, value)


def is_one_for_all(message_class: Any, name: str, value: Any) -> bool:
    """Whether `value` is that of every row, not a list of one a row."""
    return depth(value) <= _depth_of_field(message_class.DESCRIPTOR.fields_by_name[name])


def _depth_of_field(field: Any) -> int:
    """How many lists are around the elements of one row's value."""
    if field.name == "allowed_token_mask":
        return 1
    if field.label != FieldDescriptor.LABEL_REPEATED:
        return 0
    return 2 if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE else 1


def _setter(field: Any) -> Callable[[Any, str, Any], None]:
    if field.name in _SETTERS:
        return _SETTERS[field.name]
    if field.label == FieldDescriptor.LABEL_REPEATED:
        return _SETTERS_OF_LISTS[field.type]
    if field.cpp_type in _INTEGER_RANGES:
        return _set_integer
    return _set_bool if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else _set_float


def _set_integer(message: Any, name: str, value: Any) -> None:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {shown(value)} is no integer") from None
    low, high = _INTEGER_RANGES[message.DESCRIPTOR.fields_by_name[name].cpp_type]
    if isinstance(value, (bool, np.bool_)) or not low <= number <= high:
        raise ValueError(f"{name}: {shown(value)} is no integer in [{low}, {high}]")
    setattr(message, name, number)


def _set_float(message: Any, name: str, value: Any) -> None:
    setattr(message, name, _float(name, value))


def _float(name: str, value: Any) -> float:
    if isinstance(value, (str, bytes, bool, np.bool_)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: {shown(value)} is no number")
    return float(value)


def _set_bool(message: Any, name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: {shown(value)} is neither True nor False")
    setattr(message, name, bool(value))


def _set_logprobs(message: Any, name: str, value: Any) -> None:
    if value not in _LOGPROB_MODES:
        raise ValueError(f"{name}: {shown(value)} is unknown: give one of "
                         + ", ".join(_LOGPROB_MODES))
    setattr(message, name, _LOGPROB_MODES[value])


def _set_mask(message: Any, name: str, value: Any) -> None:
    setattr(message, name, mask_words(name, value))


def _set_bias(message: Any, name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: {shown(value)} is no mapping: give {{token_id: bias}}")
    message.logit_bias.SetInParent()
    message.logit_bias.token_ids.extend(token_ids(name, list(value)).tolist())
    message.logit_bias.biases.extend(_float(name, bias) for bias in value.values())


def _set_ids(message: Any, name: str, value: Any) -> None:
    getattr(message, name).extend(token_ids(name, value).tolist())


def _set_long_ids(message: Any, name: str, value: Any) -> None:
    """A field of sfixed32, which may be long: as it travels, so that no id is touched."""
    packed = token_ids(name, value).tobytes()
    number = message.DESCRIPTOR.fields_by_name[name].number
    message.MergeFromString(wire.prefix(number, len(packed)) + packed)


def _set_names(message: Any, name: str, value: Any) -> None:
    if not is_list(value) or not all(isinstance(element, str) for element in value):
        raise TypeError(f"{name}: {shown(value)} is no list of names of stages")
    getattr(message, name).extend(value)


def _set_sequences(message: Any, name: str, value: Any) -> None:
    if depth(value) == 1 and len(value) > 0:
        raise TypeError(f"{name}: {shown(value)} is no list of lists of token ids")
    for sequence in value:
        getattr(message, name).add().token_ids.extend(token_ids(name, sequence).tolist())


_SETTERS = {
    "logprobs": _set_logprobs,
    "allowed_token_mask": _set_mask,
    "logit_bias": _set_bias,
}
_SETTERS_OF_LISTS = {
    FieldDescriptor.TYPE_INT32: _set_ids,
    FieldDescriptor.TYPE_SFIXED32: _set_long_ids,
    FieldDescriptor.TYPE_STRING: _set_names,
    FieldDescriptor.TYPE_MESSAGE: _set_sequences,
}
