"""A pack as heavy as buffalo_l, with random weights: what does the pipeline do when the networks are most of the work?

The recogniser is an IResNet-50 (6.3 GMAC, 44 M weights).  The detector is a real small one, so that the faces are
found, beside an SCRFD-10G-shaped trunk whose result is added to one of its outputs with a weight of nearly nothing.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["write_heavy_pack"]

_SCRFD_BLOCKS, _SCRFD_PLANES = (3, 4, 2, 3), (56, 88, 88, 224)
_HEAD = 80
_IRESNET_BLOCKS, _IRESNET_PLANES = (3, 4, 14, 3), (64, 128, 256, 512)


class _Graph:
    """Nodes and weights of a model in the making."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._prefix, self._random = prefix, np.random.default_rng(5)

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{self._prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def weight(self, values: np.ndarray) -> str:
        name = f"{self._prefix}w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(
        self, x: str, planes: tuple[int, int], *, kernel: int = 3, stride: int = 1
    ) -> str:
        come, go = planes
        scale = np.sqrt(2 / (come * kernel * kernel))
        values = self._random.normal(0, scale, (go, come, kernel, kernel))
        pads, strides = [kernel // 2] * 4, [stride, stride]
        return self.add("Conv", x, self.weight(values), pads=pads, strides=strides)

    def normalised(self, x: str, planes: int) -> str:
        ones, zeros = np.ones(planes), np.zeros(planes)
        # The weights differ from 1, as after training: a plain one would be folded away.
        given = [self.weight(v) for v in (ones * 0.99, zeros, zeros, ones)]
        return self.add("BatchNormalization", x, *given)

    def dense(self, x: str, come: int, go: int) -> str:
        values = self._random.normal(0, np.sqrt(1 / come), (go, come))
        return self.add("Gemm", x, self.weight(values), transB=1)


def write_heavy_pack(folder: Path, detector: Path) -> Path:
    """Write the pack; returns its folder."""
    folder.mkdir(parents=True)
    onnx.save(_detector(onnx.load(str(detector))), str(folder / "det_10g_random.onnx"))
    onnx.save(_recogniser(), str(folder / "r50_random.onnx"))
    return folder


def _detector(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a detector a trunk of 10 GMAC at 640 x 480 (ResNet stages and heads of SCRFD-10G)."""
    graph = _Graph("ballast")
    x, come = model.graph.input[0].name, 3
    for go, stride in ((28, 2), (28, 1), (56, 1)):
        x = graph.add("Relu", graph.convolution(x, (come, go), stride=stride))
        come = go
    x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    totals = []
    for stage, (blocks, planes) in enumerate(zip(_SCRFD_BLOCKS, _SCRFD_PLANES, strict=True)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            same = come == planes and stride == 1
            skip = x if same else graph.convolution(x, (come, planes), kernel=1, stride=stride)
            x = graph.add("Relu", graph.convolution(x, (come, planes), stride=stride))
            x = graph.add("Relu", graph.add("Add", graph.convolution(x, (planes, planes)), skip))
            come = planes
        if stage:
            totals.append(_head(graph, x, planes))
    total = graph.add("Sum", *totals)
    small = graph.add("Mul", total, graph.weight(np.array(1e-12)))
    first = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before_" + name if name == first else name for name in node.output]
    model.graph.node.extend(graph.nodes)
    model.graph.node.append(helper.make_node("Add", ["before_" + first, small], [first]))
    model.graph.initializer.extend(graph.weights)
    return model


def _head(graph: _Graph, x: str, planes: int) -> str:
    """Three convolutions, and their mean as one number."""
    for come, go in pairwise((planes, _HEAD, _HEAD, _HEAD)):
        x = graph.add("Relu", graph.convolution(x, (come, go)))
    pooled = graph.add("GlobalAveragePool", x)
    return graph.add("ReduceMean", pooled, keepdims=0)


def _recogniser() -> onnx.ModelProto:
    graph = _Graph("r")
    x, come = graph.convolution("data", (3, 64)), 64
    for blocks, planes in zip(_IRESNET_BLOCKS, _IRESNET_PLANES, strict=True):
        for block in range(blocks):
            stride = 1 if block else 2
            skip = x if block else graph.convolution(x, (come, planes), kernel=1, stride=stride)
            x = graph.convolution(graph.normalised(x, come), (come, planes))
            slope = graph.weight(np.full((planes, 1, 1), 0.25))
            x = graph.convolution(graph.add("PRelu", x, slope), (planes, planes), stride=stride)
            x = graph.add("Add", graph.normalised(x, planes), skip)
            come = planes
    x = graph.dense(graph.add("Flatten", graph.normalised(x, come)), come * 7 * 7, 512)
    graph.nodes.append(helper.make_node("Identity", [x], ["embedding"]))
    images = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])
    result = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 512])
    made = helper.make_graph(graph.nodes, "iresnet50", [images], [result], graph.weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
