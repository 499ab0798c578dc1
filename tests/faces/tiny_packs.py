"""Model packs of a few hundred bytes, with graphs of the right shape."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write_model(
    path: Path,
    outputs: int,
    *,
    side: int | str = "side",
    length: int | str = "length",
    tag: str = "",
) -> None:
    """An identity graph with one (1, 3, side, side) input and some outputs, which claim another length."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    names = [f"out{n}" for n in range(outputs)]
    results = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, side, length]) for n in names
    ]
    nodes = [helper.make_node("Identity", ["image"], [name]) for name in names]
    weights = [helper.make_tensor("unused", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])]
    graph = helper.make_graph(nodes, "tiny", [image], results, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, doc_string=tag), str(path))


def write_pack(folder: Path, tag: str = "") -> None:
    """A folder as InsightFace publishes them, with models that facesort does not use."""
    write_model(folder / "1k3d68.onnx", 1, side=192)
    write_model(folder / "det_tiny.onnx", 9, tag=tag)
    write_model(folder / "genderage.onnx", 1, side=96)
    write_model(folder / "w_tiny.onnx", 1, side=112, tag=tag)
