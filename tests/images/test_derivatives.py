"""Smaller versions of an output JPEG."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import distance, scene
from images.test_output import markers
from PIL import Image

from facesort.core.derivatives import Derivative, Variant, variants_for
from facesort.images import derive, encode_output

_EDGES = 64, 128, 256
_ALL = tuple(
    Variant(kind, edge, quality)
    for kind, quality in (("webp", 85), ("jpeg", 90), ("avif", 75))
    for edge in _EDGES
)


def output(width: int, height: int) -> bytes:
    return encode_output(np.asarray(scene(width, height)))


def opened(derivative: Derivative) -> Image.Image:
    return Image.open(io.BytesIO(derivative.data))


def chunks_of_webp(data: bytes) -> set[bytes]:
    found, at = set(), 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        found.add(kind)
        at += 8 + length + length % 2
    return found


def test_nine_files_have_their_sizes_formats_and_names() -> None:
    made = derive(output(600, 401), _ALL)
    assert [d.variant for d in made] == sorted(_ALL, key=lambda v: (-v.edge, v))
    for derivative in made:
        picture = opened(derivative)
        assert picture.format is not None
        assert picture.format.lower() == derivative.variant.format
        assert picture.size == (derivative.width, derivative.height)
        assert max(picture.size) == derivative.variant.edge
        assert derivative.size == len(derivative.data)
        assert derivative.sha256 == hashlib.sha256(derivative.data).hexdigest()
        suffix = {"webp": "webp", "jpeg": "jpg", "avif": "avif"}[derivative.variant.format]
        assert derivative.name == f"{derivative.sha256}.{suffix}"


def test_they_show_the_photo() -> None:
    jpeg = output(600, 400)
    for derivative in derive(jpeg, _ALL):
        with Image.open(io.BytesIO(jpeg)) as whole:
            wanted = whole.resize((derivative.width, derivative.height), Image.Resampling.LANCZOS)
        assert distance(np.asarray(opened(derivative).convert("RGB")), wanted) < 4


def test_they_hold_no_metadata() -> None:
    for derivative in derive(output(300, 200), _ALL):
        picture = opened(derivative)
        picture.load()
        assert picture.mode == "RGB"
        assert not picture.getexif()
        assert picture.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | (
            {"loop", "background", "timestamp", "duration"}
        )
        match derivative.variant.format:
            case "jpeg":
                assert {marker for marker, _ in markers(derivative.data)} <= (
                    {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
                )
            case "webp":
                assert chunks_of_webp(derivative.data) == {b"VP8 "}
            case "avif":
                assert not any(word in derivative.data for word in (b"Exif", b"mime", b"prof"))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((257, 100), [(256, 100), (128, 50), (64, 25)]),
        ((256, 100), [(256, 100), (128, 50), (64, 25)]),
        ((100, 200), [(100, 200), (64, 128), (32, 64)]),
        ((128, 90), [(128, 90), (64, 45)]),
        ((60, 64), [(60, 64)]),
        ((10, 7), [(10, 7)]),
        ((1, 1), [(1, 1)]),
        ((600, 1), [(256, 1), (128, 1), (64, 1)]),
    ],
)
def test_never_enlarged_and_the_own_size_once(
    size: tuple[int, int], wanted: list[tuple[int, int]]
) -> None:
    for kind in ("webp", "jpeg", "avif"):
        made = derive(output(*size), [v for v in _ALL if v.format == kind])
        assert [(d.width, d.height) for d in made] == wanted
        assert [opened(d).size for d in made] == wanted
        assert len({d.name for d in made}) == len(made)


@given(
    st.integers(1, 4000),
    st.sets(st.integers(16, 2048), min_size=1, max_size=6),
)
@settings(max_examples=50, deadline=None)
def test_all_smaller_edges_and_one_for_the_rest(size: int, edges: set[int]) -> None:
    found = [v.edge for v in variants_for(size, [Variant("webp", edge, 85) for edge in edges])]
    smaller = {edge for edge in edges if edge < size}
    assert found == sorted(smaller | {*sorted(edges - smaller)[:1]}, reverse=True)


def test_neither_order_nor_company_changes_a_file() -> None:
    jpeg = output(600, 400)
    once = derive(jpeg, _ALL)
    assert derive(jpeg, reversed(_ALL)) == once
    assert (
        tuple(d for one in sorted(_ALL, key=lambda v: (-v.edge, v)) for d in derive(jpeg, [one]))
        == once
    )


def test_another_process_with_one_core_makes_the_same_bytes() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("a process cannot be held to one core here")
    jpeg = output(600, 400)
    program = (
        "import os, sys; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
        "from facesort.core.derivatives import Variant\n"
        "from facesort.images import derive\n"
        f"print(*(d.sha256 for d in derive(sys.stdin.buffer.read(), {_ALL!r})))"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], input=jpeg, capture_output=True, check=True
    )
    assert there.stdout.decode().split() == [d.sha256 for d in derive(jpeg, _ALL)]


def test_what_is_no_jpeg_is_refused() -> None:
    with pytest.raises(ValueError, match="JPEG"):
        derive(b"no picture", _ALL)
