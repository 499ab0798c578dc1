"""Static quantisation of a recogniser to 8 bits, by ONNX Runtime, on aligned faces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from insightface.model_zoo import ArcFaceONNX
from numpy.typing import NDArray

from facesort.core.records import Crops
from facesort.errors import PackError
from facesort.faces.engines.onnx_session import open_session
from facesort.faces.protocol import ModelPack

try:
    from onnxruntime.quantization import (
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process
except ImportError as error:
    raise PackError(
        f"packs are quantised with ONNX: pip install onnx onnxruntime ({error})"
    ) from error


def network_inputs(pack: ModelPack, crops: Crops) -> NDArray[np.float32]:
    """What the recogniser sees of aligned faces; shape (n, 3, side, side)."""
    path, told = _file(pack), pack.recogniser
    mean, scale = told.mean, told.scale
    if mean is None or scale is None:  # as InsightFace finds them in the graph
        found = ArcFaceONNX(str(path), open_session(path, 1))
        mean, scale = float(found.input_mean), float(found.input_std)
    pixels = crops if told.colour == "RGB" else crops[..., ::-1]
    return np.ascontiguousarray(((pixels.astype(np.float32) - mean) / scale).transpose(0, 3, 1, 2))


class _Faces:
    """Aligned faces, one by one; ONNX Runtime asks for nothing but `get_next`."""

    def __init__(self, name: str, inputs: NDArray[np.float32]) -> None:
        self._feeds: Iterator[Mapping[str, NDArray[np.float32]]] = (
            {name: row[None]} for row in inputs
        )

    def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
        """The next face; None after the last."""
        return next(self._feeds, None)


def quantise_recogniser(pack: ModelPack, crops: Crops, target: Path, scratch: Path) -> None:
    """Write the recogniser with 8-bit weights and activations.

    Parameters
    ----------
    crops : ndarray of shape (n, side, side, 3), uint8
        Aligned faces, which tell the ranges of the activations.
    target : Path
        The new ONNX file.
    scratch : Path
        ONNX Runtime puts its temporary files there, and nowhere else.

    Raises
    ------
    PackError
        If ONNX Runtime cannot quantise this network.
    """
    name = open_session(_file(pack), 1).get_inputs()[0].name
    prepared = scratch / "prepared.onnx"
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)
    try:
        quant_pre_process(str(_file(pack)), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Faces(name, network_inputs(pack, crops)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    except Exception as error:
        raise PackError(f"ONNX Runtime cannot quantise {_file(pack)}: {error}") from error
    finally:
        tempfile.tempdir = before


def _file(pack: ModelPack) -> Path:
    if pack.path is None or pack.recogniser.file is None or not pack.recogniser.runs_in_onnx:
        raise PackError(f"model pack {pack.name} has no ONNX recogniser to quantise")
    return pack.path / pack.recogniser.file
