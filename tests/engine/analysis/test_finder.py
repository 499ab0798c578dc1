"""Faces of images that arrive as bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from synthetic_event import write_photo

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.engine.analysis.finder import IMAGE_LIMITS, PooledFinder
from facesort.errors import BusyError, ImageError, PackError
from facesort.faces.packs.files import dlib_pack, synthetic_pack
from facesort.reasons import Reason
from facesort.settings import PhotoSettings


@pytest.fixture(scope="module")
def finder() -> Iterator[PooledFinder]:
    finder = PooledFinder(synthetic_pack(), workers=1)
    yield finder
    finder.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "three.jpg"
    write_photo(path, [1, 2, 3])
    return path


def bomb() -> bytes:
    """144 megapixels in 18 kB."""
    stream = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(stream, "PNG")
    return stream.getvalue()


def test_an_image_has_the_very_faces_that_a_sort_finds(finder: PooledFinder, photo: Path) -> None:
    found = finder.find(photo.read_bytes())
    analyser = Analyser({"": photo.parent}, finder.pack, IMAGE_LIMITS)
    sorted_ = analyse_file(analyser, Task(PhotoRef(0, photo.name)))
    assert (found.width, found.height) == (640, 240)
    assert len(found.faces) == len(sorted_.faces) == 3
    for face, other in zip(found.faces, sorted_.faces, strict=True):
        np.testing.assert_array_equal(face.embedding, other.embedding)
        np.testing.assert_array_equal(face.box, other.box)
        assert face.quality == other.quality
    assert all(0 < light < 255 for light in found.brightness)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"not an image", Reason.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xe0" + bytes(500), Reason.TRUNCATED),
    ],
)
def test_what_is_no_image_has_a_reason(finder: PooledFinder, image: bytes, reason: Reason) -> None:
    with pytest.raises(ImageError) as raised:
        finder.find(image)
    assert raised.value.reason is reason


def test_more_pixels_than_allowed_are_never_decoded(finder: PooledFinder) -> None:
    with pytest.raises(ImageError) as raised:
        finder.find(bomb())
    assert raised.value.reason is Reason.TOO_LARGE


def test_a_worker_that_dies_takes_one_image_along(photo: Path) -> None:
    finder = PooledFinder(synthetic_pack(), workers=1)
    data = photo.read_bytes()
    try:
        assert len(finder.find(data).faces) == 3
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
        with suppress(ImageError):  # the pool may have taken the call to another worker
            finder.find(data)
        assert len(finder.find(data).faces) == 3
    finally:
        finder.close()


def test_no_more_images_wait_than_allowed(photo: Path) -> None:
    finder = PooledFinder(synthetic_pack(), workers=1, most_waiting=2)
    data = photo.read_bytes()

    def ask(number: int) -> int | BusyError:
        try:
            return len(finder.find(data).faces)
        except BusyError as busy:
            return busy

    try:
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(ask, range(20)))
    finally:
        finder.close()
    assert any(isinstance(answer, BusyError) for answer in answers)
    assert {answer for answer in answers if isinstance(answer, int)} == {3}


def test_an_image_that_takes_too_long_is_given_up() -> None:
    finder = PooledFinder(synthetic_pack(), workers=1, limits=PhotoSettings())
    finder._pool._timeout_s = 0.01  # not for the models
    try:
        with pytest.raises(ImageError) as raised:
            finder.find(bomb())
    finally:
        finder.close()
    assert raised.value.reason is Reason.TIMEOUT


def test_models_that_take_too_long_are_told() -> None:
    pack = dlib_pack()  # whose networks take longer than the pool needs to look at the clock
    assert pack is not None
    with pytest.raises(PackError, match="dlib cannot be loaded"):
        PooledFinder(pack, workers=1, limits=PhotoSettings(timeout_s=1e-9))
