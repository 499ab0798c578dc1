"""Bytes of a photo that something happened to."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

__all__ = ["MUTATIONS", "mutated"]

_HEADER = 4096  # where sizes, offsets and counts are
_EDGES = [0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 4, 64])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _number(data: bytearray, chance: random.Random) -> None:
    """A length or an offset that says something else."""
    for _ in range(chance.choice([1, 1, 3])):
        width, order = chance.choice("HI"), chance.choice("<>")
        value = chance.choice([*_EDGES, chance.getrandbits(32)]) & (
            0xFFFF if width == "H" else 0xFFFFFFFF
        )
        number = struct.pack(order + width, value)
        at = chance.randrange(max(min(len(data), _HEADER) - len(number), 1))
        data[at : at + len(number)] = number


def _overwrite(data: bytearray, chance: random.Random) -> None:
    at, length = chance.randrange(len(data)), chance.choice([16, 512, 4096])
    filling = chance.choice([b"\0", b"\xff", chance.randbytes(1), b""])
    end = min(at + length, len(data))
    data[at:end] = filling * (end - at) or chance.randbytes(end - at)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _drop(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice([1, 2, 100, 5000])]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    data[at:at] = chance.randbytes(chance.choice([1, 2, 100, 5000]))


def _repeat(data: bytearray, chance: random.Random) -> None:
    at, to = chance.randrange(len(data)), chance.randrange(len(data))
    data[to:to] = data[at : at + chance.choice([10, 1000, 20000])]


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    _flip,
    _number,
    _number,
    _overwrite,
    _cut,
    _drop,
    _insert,
    _repeat,
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One or two mutations of a file."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2])):
        if changed:
            chance.choice(MUTATIONS)(changed, chance)
    return bytes(changed)
