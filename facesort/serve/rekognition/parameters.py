"""Parameters of a request, checked against botocore's own model of the API: one place for every limit."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from facesort.serve.access.refusal import RefusedRequest
from facesort.serve.rekognition.errors import invalid
from facesort.serve.service import MOST_IMAGE_BYTES

Parameters = dict[str, Any]
"""As botocore's input shapes have them; blobs are bytes."""
_MOST_NODES = 20_000  # of one request: three lists of 4096 would fit


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"))


def operation_model(name: str) -> OperationModel:
    """What botocore knows of an operation."""
    return _model().operation_model(name)


def parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises
    ------
    RefusedRequest
        If it is none.
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (
        ValueError,
        RecursionError,
    ):  # also bytes that are no UTF-8, and a number of a million digits
        raise RefusedRequest("SerializationException", "the body is no JSON") from None
    if not isinstance(found, dict):
        raise RefusedRequest("SerializationException", "the body is no JSON object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(text)


def check(operation: str, given: Mapping[str, Any]) -> Parameters:
    """The known members of a request, of the right type and within their limits; what is not known is ignored.

    Raises
    ------
    RefusedRequest
        Naming the first that is not.
    """
    shape = operation_model(operation).input_shape
    return {} if shape is None else _structure(shape, given, "")


def _value(shape: Shape, given: Any, at: str) -> Any:
    checked = _CHECKS[shape.type_name](shape, given, at)
    if shape.type_name == "blob":
        _check_size(len(checked), shape, at, "bytes")
    elif shape.type_name in ("list", "map"):
        _check_size(len(checked), shape, at, "entries")
    elif shape.type_name in ("integer", "long", "float", "double"):
        _check_size(checked, shape, at, "")
    return checked


def _structure(shape: StructureShape, given: Any, at: str) -> Parameters:
    if not isinstance(given, dict):
        raise invalid(f"{at or 'the request'} must be an object")
    for name in shape.required_members:
        if given.get(name) is None:
            raise invalid(f"{_below(at, name)} is missing")
    return {
        name: _value(member, given[name], _below(at, name))
        for name, member in shape.members.items()
        if given.get(name) is not None
    }


def _list(shape: ListShape, given: Any, at: str) -> list[Any]:
    if not isinstance(given, list):
        raise invalid(f"{at} must be a list")
    most = min(shape.metadata.get("max", _MOST_NODES), _MOST_NODES)
    if len(given) > most:
        raise invalid(f"{at} has {len(given)} entries, at most {most} are allowed")
    return [_value(shape.member, value, f"{at}[{i}]") for i, value in enumerate(given)]


def _string(shape: Shape, given: Any, at: str) -> str:
    if not isinstance(given, str):
        raise invalid(f"{at} must be a string")
    _check_size(len(given), shape, at, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and re.fullmatch(pattern, given, re.ASCII) is None:
        raise invalid(f"{at} must match {pattern}")
    if shape.metadata.get("enum") and given not in shape.metadata["enum"]:
        raise invalid(f"{at} must be one of {', '.join(shape.metadata['enum'])}")
    if any("\ud800" <= char <= "\udfff" for char in given):
        raise invalid(f"{at} holds half a character")
    return given


def _blob(shape: Shape, given: Any, at: str) -> bytes:
    if not isinstance(given, str):
        raise invalid(f"{at} must be base64")
    try:
        data = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{at} must be base64") from None
    if len(data) > shape.metadata.get("max", MOST_IMAGE_BYTES):
        raise RefusedRequest(
            "ImageTooLargeException",
            f"{at} has {len(data):,} bytes, at most {MOST_IMAGE_BYTES:,} are allowed: send a smaller version",
        )
    return data


def _plain(shape: Shape, given: Any, at: str) -> Any:
    kinds, what = _PLAIN[shape.type_name]
    is_one = isinstance(given, kinds) and (
        isinstance(given, bool) == (shape.type_name == "boolean")
    )
    # JSON has numbers of any size.
    if not is_one or (isinstance(given, (int, float)) and not abs(given) < 2**63):
        raise invalid(f"{at} must be {what}")
    return given


_PLAIN: dict[str, tuple[tuple[type, ...], str]] = {
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "map": ((dict,), "an object"),
}
_CHECKS: dict[str, Callable[[Any, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "string": _string,
    "blob": _blob,
} | dict.fromkeys(_PLAIN, _plain)


def _check_size(size: float, shape: Shape, at: str, unit: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        raise invalid(f"{at} must be at least {least} {unit}".rstrip())
    if most is not None and size > most:
        raise invalid(f"{at} must be at most {most} {unit}".rstrip())


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
