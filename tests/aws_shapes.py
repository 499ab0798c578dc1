"""Whether an answer is what botocore's own model says: members, types, and what its validator leaves out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator


def faults(operation: OperationModel, answer: dict[str, Any]) -> list[str]:
    """What is wrong with an answer of `boto3`; an empty list if nothing is."""
    shape = operation.output_shape
    given = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if shape is None:
        return [] if not given else [f"{operation.name} has no output"]
    said = ParamValidator().validate(given, shape).generate_report()
    return [*([said] if said else []), *_walk(shape, given, operation.name)]


def compare_answers(client: Any) -> set[str]:
    """Compare all answers that a client of boto3 gets with the model; returns the names of those, as they come."""
    answered: set[str] = set()

    def compare(parsed: dict[str, Any], model: Any, http_response: Any, **_: Any) -> None:
        if http_response.status_code < 300:
            assert faults(model, parsed) == []
            assert unknown_members(model, http_response.content) == []
            answered.add(model.name)
        assert http_response.headers["content-type"] == "application/x-amz-json-1.1"
        assert parsed["ResponseMetadata"]["RequestId"]

    client.meta.events.register("after-call.rekognition", compare)
    return answered


def unknown_members(operation: OperationModel, body: bytes) -> list[str]:
    """Members of the JSON itself that the model does not have: `boto3` drops these without a word."""
    shape = operation.output_shape
    return list(_unknown(shape, json.loads(body), operation.name)) if shape is not None else []


def _unknown(shape: Shape, value: Any, at: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{at}.{name} is not in the model"
            else:
                yield from _unknown(shape.members[name], inner, f"{at}.{name}")
    elif isinstance(shape, ListShape):
        for inner in value:
            yield from _unknown(shape.member, inner, f"{at}[]")


def _walk(shape: Shape, value: Any, at: str) -> Iterator[str]:
    """Patterns, enumerations, bounds and required members of all that is there."""
    limits = shape.metadata
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name not in value:
                yield f"{at}.{name} is missing"
        for name, inner in value.items():
            yield from _walk(shape.members[name], inner, f"{at}.{name}")
        return
    if isinstance(shape, ListShape):
        size: float | None = len(value)
        for number, inner in enumerate(value):
            yield from _walk(shape.member, inner, f"{at}[{number}]")
    elif isinstance(shape, MapShape) or isinstance(value, (bool, datetime)):
        size = None
    elif isinstance(value, str):
        size = len(value)
        if "pattern" in limits and re.fullmatch(limits["pattern"], value) is None:
            yield f"{at} is {value!r}, not like {limits['pattern']}"
        if limits.get("enum") and value not in limits["enum"]:
            yield f"{at} is {value!r}, none of {limits['enum']}"
    else:
        size = value
    if size is not None and not limits.get("min", size) <= size <= limits.get("max", size):
        yield f"{at} is {size}, not within {limits.get('min')} and {limits.get('max')}"
