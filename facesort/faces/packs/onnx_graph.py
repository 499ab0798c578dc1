"""Tell detectors from recognisers by the graph of an ONNX file, without reading its weights."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from facesort.errors import PackError, because
from facesort.files import open_regular

# Field numbers of onnx.proto's ModelProto, GraphProto, and the way from a ValueInfoProto to the value of a dimension.
_MODEL_GRAPH = 7
_GRAPH_INPUT = 11
_GRAPH_OUTPUT = 12
_TYPE, _TENSOR_TYPE, _SHAPE, _DIM, _DIM_VALUE = 2, 1, 2, 1, 1

# Which fields of onnx.proto's messages hold other messages, down to TensorProto.external_data.
_WITHIN: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "model": {7: "graph", 25: "function"},
        "function": {7: "node", 11: "attribute"},
        "graph": {1: "node", 5: "tensor", 15: "sparse"},
        "node": {5: "attribute"},
        "attribute": {
            5: "tensor",
            6: "graph",
            10: "tensor",
            11: "graph",
            22: "sparse",
            23: "sparse",
        },
        "sparse": {1: "tensor", 2: "tensor"},
        "tensor": {13: "external"},
    }
)

# A pack may come from anybody. Real models have some thousands of fields that are looked at, and shapes of a few bytes;
# no ONNX file is larger than 2 GB.
LARGEST_MODEL = 2**31
"""Bytes of a file."""

_MOST_FIELDS = 200_000
_LARGEST_SHAPE = 1 << 16

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_YUNET_OUTPUTS = 12  # class, object, box and landmarks over 3 strides
_DETECTOR_OUTPUTS = (9, 15)  # SCRFD with landmarks, over 3 or 5 strides
_TEMPLATE_SIDES = (112, 128)  # what InsightFace's alignment template is defined for


@dataclass(frozen=True, slots=True)
class Graph:
    """Inputs and outputs of a model.

    Parameters
    ----------
    inputs : tuple of tuple of int
        Shape of every input; 0 for a dynamic dimension.
    lengths : tuple of int
        Of every output's last dimension; 0 if it is dynamic.
    """

    inputs: tuple[tuple[int, ...], ...]
    lengths: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.lengths)

    @property
    def is_yunet(self) -> bool:
        """Whether it is YuNet, of 2022 or younger."""
        return self.outputs == _YUNET_OUTPUTS

    @property
    def is_detector(self) -> bool:
        """Whether it is SCRFD with landmarks, which alignment needs."""
        return self.outputs in _DETECTOR_OUTPUTS

    @property
    def is_recogniser(self) -> bool:
        """Whether it looks like ArcFace: one square image in, one vector out."""
        if len(self.inputs) != 1 or self.outputs != 1 or len(self.inputs[0]) != 4:
            return False
        _, _, height, width = self.inputs[0]
        return height == width > 0 and any(height % side == 0 for side in _TEMPLATE_SIDES)


def read_graph(path: Path) -> Graph:
    """Read a model's inputs and outputs.

    Only their descriptions are parsed; the weights, up to hundreds of megabytes, are skipped.

    Raises
    ------
    PackError
        If the file cannot be read, is not ONNX, or stores weights in another file.
    """
    inputs: list[tuple[int, ...]] = []
    outputs: list[tuple[int, ...]] = []
    budget = iter(range(_MOST_FIELDS))
    try:
        with open_regular(path) as file, _mapped(file) as data:
            start, end = next(
                span
                for field, *span in _fields(data, 0, len(data), budget)
                if field == _MODEL_GRAPH
            )
            for field, first, last in _fields(data, start, end, budget):
                if field in (_GRAPH_INPUT, _GRAPH_OUTPUT):
                    shape = _shape(data, first, last, budget)
                    (inputs if field == _GRAPH_INPUT else outputs).append(shape)
            external = _has_external_data(data, 0, len(data), "model", budget)
    except OSError as error:
        raise PackError(f"{path} of a model pack cannot be read {because(error)}") from error
    except (ValueError, IndexError, StopIteration, RecursionError) as error:
        raise PackError(f"{path} is not a readable ONNX file; fetch it again") from error
    if external:  # not covered by the hash of this file, and possibly anywhere on the disk
        raise PackError(
            f"{path} stores weights in another file: save it as a single file (onnx.save does so)"
        )
    return Graph(tuple(inputs), tuple(shape[-1] if shape else 0 for shape in outputs))


def _mapped(file: BinaryIO) -> mmap.mmap:
    if os.fstat(file.fileno()).st_size > LARGEST_MODEL:
        raise ValueError("it is larger than ONNX can be")
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _shape(data: mmap.mmap, start: int, end: int, budget: Iterator[int]) -> tuple[int, ...]:
    """Dimensions of an input or an output; 0 for one without a number.

    Read here and not by `onnx`, whose import takes longer than a command that needs nothing else of it.
    """
    if end - start > _LARGEST_SHAPE:
        raise ValueError("a shape is too large")
    spans = [(start, end)]
    for wanted in (_TYPE, _TENSOR_TYPE, _SHAPE, _DIM):
        spans = [
            (first, last)
            for span in spans
            for field, first, last in _fields(data, *span, budget)
            if field == wanted
        ]
    return tuple(_dimension(data, first, last, budget) for first, last in spans)


def _dimension(data: mmap.mmap, start: int, end: int, budget: Iterator[int]) -> int:
    value = 0
    for field, at, _ in _fields(data, start, end, budget, _VARINT):
        if field == _DIM_VALUE:
            value, _ = _varint(data, at)
    return value


def _has_external_data(
    data: mmap.mmap, start: int, end: int, message: str, budget: Iterator[int]
) -> bool:
    """Whether any tensor in a message is stored in another file."""
    within = _WITHIN[message]
    return any(
        within[field] == "external" or _has_external_data(data, first, last, within[field], budget)
        for field, first, last in _fields(data, start, end, budget)
        if field in within
    )


def _fields(
    data: mmap.mmap, at: int, end: int, budget: Iterator[int], kind: int = _BYTES
) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, end) of every field of a protobuf message that is of one kind.

    See https://protobuf.dev/programming-guides/encoding/.

    Parameters
    ----------
    budget : iterator of int
        Has an item left for every field that may still be looked at.
    kind : int
        Wire type: length-delimited, or a varint.
    """
    while at < end:
        if next(budget, None) is None:
            raise ValueError("it has too many fields")
        key, first = _varint(data, at)
        field, wire = key >> 3, key & 7
        if wire == _BYTES:
            length, first = _varint(data, first)
            at = first + length
            if at > end:
                raise ValueError("a field extends beyond its message")
        elif wire == _VARINT:
            _, at = _varint(data, first)
        elif wire in (_FIXED32, _FIXED64):
            at = first + (4 if wire == _FIXED32 else 8)
        else:
            raise ValueError(f"unknown wire type {wire}")
        if wire == kind:
            yield field, first, at


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Read a varint; return it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint is too long")
