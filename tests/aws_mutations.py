"""Requests of Rekognition's clients that something happened to."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

from drawn_service import drawn

PEOPLE = [drawn(), drawn(1), drawn(2), drawn(1, 3)]
_DEEP = "@deep@"  # no encoder goes as deep as a client can
_NASTY: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda chance: chance.choice([True, False]),
    lambda chance: chance.choice([0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, 1e308, -1e-308]),
    lambda chance: chance.choice([float("nan"), float("inf"), float("-inf")]),
    lambda chance: chance.choice(
        ["", " ", "\0", "a\0b", "\ud800", "é", "\u202egnp", "%00", "'; --"]
    ),
    lambda chance: chance.choice(["../../etc/passwd", "C:\\", "file:///etc/passwd", "NaN", "null"]),
    lambda chance: "x" * chance.choice([255, 256, 4096, 1_000_000]),
    lambda chance: chance.choice([[], {}, [[]], [{}], {"": ""}, [None]]),
    lambda chance: ["0"] * chance.choice([101, 5000, 30_000]),
    lambda _: _DEEP,
    lambda chance: base64.b64encode(chance.randbytes(chance.choice([1, 100, 10_000]))).decode(),
    lambda chance: base64.b64encode(_broken(chance.choice(PEOPLE), chance)).decode(),
    lambda chance: base64.b64encode(chance.choice(PEOPLE)).decode() + chance.choice("=\n *-_"),
    lambda _: {"Bytes": "", "S3Object": {"Bucket": "b", "Name": "n"}},
    lambda _: "00000000-0000-4000-8000-000000000000",
]


def _broken(data: bytes, chance: random.Random) -> bytes:
    """Some bytes of a file are others, or gone."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 4, 64])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    if chance.random() < 0.3:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document, with each of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], (dict, list)):
            found += _places(value[key])
    return found


def _replace(document: dict[str, Any], chance: random.Random) -> None:
    if places := _places(document):
        container, key = chance.choice(places)
        container[key] = chance.choice(_NASTY)(chance)


def _drop(document: dict[str, Any], chance: random.Random) -> None:
    if places := _places(document):
        container, key = chance.choice(places)
        del container[key]


def _add(document: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(["CollectionId", "MaxResults", "NextToken", "FaceIds", "Bytes", "", "\0"])
    document[name] = chance.choice(_NASTY)(chance)


def _wrap(document: dict[str, Any], chance: random.Random) -> None:
    if places := _places(document):
        container, key = chance.choice(places)
        container[key] = chance.choice([[container[key]], {"Value": container[key]}])


_CHANGES = [_replace, _replace, _replace, _drop, _add, _wrap]
_ENCODINGS = ["utf-8"] * 20 + ["utf-16", "utf-8-sig", "utf-7"]


def mutated(document: dict[str, Any], chance: random.Random) -> bytes:
    """The body of a request, after some changes of its members or its bytes; now and then none."""
    changed = json.loads(json.dumps(document))
    for _ in range(chance.choice([0, 0, 1, 1, 1, 2, 3])):
        chance.choice(_CHANGES)(changed, chance)
    text = json.dumps(changed, ensure_ascii=chance.random() < 0.8)
    depth = chance.choice([100, 5000, 200_000])
    text = text.replace(f'"{_DEEP}"', "[" * depth + "]" * chance.choice([depth, depth - 1]))
    body = text.encode(chance.choice(_ENCODINGS), "surrogatepass")
    return _broken(body, chance) if chance.random() < 0.1 else body
