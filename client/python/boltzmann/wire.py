"""Protobuf's wire format, as far as logits need it to travel without being copied into a message.

Lengths and field numbers are those of the protobuf encoding specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

Chunks = Sequence[Union[bytes, memoryview]]

_LENGTH_DELIMITED = 2


def varint(number: int) -> bytes:
    """A number >= 0, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def prefix(field_number: int, length: int) -> bytes:
    """What stands before the `length` bytes of a string, message or packed list."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(length)


def size(chunks: Chunks) -> int:
    """The bytes of all chunks together."""
    return sum(len(chunk) for chunk in chunks)


def nested(field_number: int, chunks: Chunks) -> list[bytes | memoryview]:
    """The chunks as the value of a field. Copies nothing."""
    return [prefix(field_number, size(chunks)), *chunks]
