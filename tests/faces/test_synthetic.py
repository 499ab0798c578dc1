from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from facesort.faces.engines.load import load_engine
from facesort.faces.engines.synthetic import IDENTITIES, draw_synthetic_face, synthetic_embedding
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import FaceEngine


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return load_engine(resolve_pack("synthetic", []), threads=1)


def saved(pixels: np.ndarray, edge: int) -> np.ndarray:
    """As a JPEG of quality 85, then again at a long edge of `edge` px."""
    image = Image.fromarray(pixels)
    for _ in range(2):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        image = Image.open(stream)
        image.load()
        image.thumbnail((edge, edge))
    return np.asarray(image)


def embeddings(engine: FaceEngine, pixels: np.ndarray) -> np.ndarray:
    return engine.embed(engine.align(pixels, engine.detect(pixels)))


@pytest.mark.parametrize(
    ("width", "height", "side", "count", "edge"),
    [
        (200, 200, 32, 0, 2048),
        (200, 200, 32, 6, 2048),
        (640, 480, 36, 40, 2048),
        (3000, 2000, 120, 40, 2048),
        (4000, 6000, 240, 40, 2048),
    ],
)
def test_every_drawn_face_is_read_back(
    engine: FaceEngine, width: int, height: int, side: int, count: int, edge: int
) -> None:
    rng = np.random.default_rng(width)
    coarse = Image.fromarray(rng.integers(90, 180, (5, 6, 3), np.uint8))
    pixels = np.array(coarse.resize((width, height)))
    step = side + side // 4
    places = [(x, y) for y in range(2, height - side, step) for x in range(2, width - side, step)]
    chosen = rng.permutation(len(places))[:count]
    people = rng.integers(0, IDENTITIES, count)
    for (x, y), person in zip((places[i] for i in chosen), people, strict=True):
        draw_synthetic_face(pixels, (x, y, x + side, y + side), int(person), variation=int(x) % 256)
    found = embeddings(engine, saved(pixels, edge))
    expected = [
        synthetic_embedding(int(person), int(places[i][0]) % 256)
        for i, person in zip(chosen, people, strict=True)
    ]
    order = sorted(range(count), key=lambda n: expected[n].tolist())
    assert found.shape == (count, 128)
    in_order = sorted(range(count), key=lambda n: found[n].tolist())
    np.testing.assert_array_equal(found[in_order], np.array(expected).reshape(-1, 128)[order])


@settings(max_examples=50)
@given(st.integers(0, IDENTITIES - 1), st.integers(0, 255), st.integers(32, 180))
def test_all_codes_and_sizes(engine: FaceEngine, identity: int, variation: int, side: int) -> None:
    pixels = np.full((200, 200, 3), 128, np.uint8)
    draw_synthetic_face(pixels, (9, 7, 9 + side, 7 + side), identity, variation=variation)
    found = embeddings(engine, pixels)
    np.testing.assert_array_equal(found, [synthetic_embedding(identity, variation)])


def test_the_box_is_where_it_was_drawn(engine: FaceEngine) -> None:
    pixels = np.full((480, 640, 3), 128, np.uint8)
    draw_synthetic_face(pixels, (100, 50, 260, 210), 7)
    found = engine.detect(pixels)
    np.testing.assert_allclose(found.boxes, [[100, 50, 260, 210]], atol=2)
    np.testing.assert_allclose(found.landmarks[0, 2], [180, 138], atol=3)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_rotated_and_mirrored_photos_show_no_faces(
    engine: FaceEngine, turns: int, mirrored: bool
) -> None:
    pixels = np.full((300, 300, 3), 128, np.uint8)
    for place, identity in enumerate((1, 2, 500, 4095)):
        left = 10 + 70 * place
        draw_synthetic_face(pixels, (left, 100, left + 60, 160), identity, variation=40)
    turned = np.rot90(pixels[:, ::-1] if mirrored else pixels, turns)
    upright = turns == 0 and not mirrored
    assert len(engine.detect(np.ascontiguousarray(turned))) == (4 if upright else 0)


def test_magenta_alone_is_no_face(engine: FaceEngine) -> None:
    pixels = np.full((300, 300, 3), 128, np.uint8)
    pixels[50:150, 50:150] = (255, 0, 255)
    pixels[200:250, 10:290] = (220, 20, 200)
    assert len(engine.detect(pixels)) == 0


def test_distances_are_like_those_of_a_recogniser() -> None:
    people = np.array(
        [[synthetic_embedding(person, v) for v in (60, 110, 159)] for person in range(300)]
    )
    same = np.linalg.norm(people[:, 0] - people[:, 2], axis=1)
    assert 0.4 < same.min() < same.max() < 0.9
    pure = people[:, 0]
    others = np.linalg.norm(pure[:, None] - pure[None], axis=2)[~np.eye(len(pure), dtype=bool)]
    assert others.min() > 1.0
    assert others.mean() == pytest.approx(2**0.5, abs=0.02)


def test_without_variation_the_embedding_is_the_identity() -> None:
    distances = [
        float(np.linalg.norm(synthetic_embedding(5, 0) - synthetic_embedding(5, v)))
        for v in (0, 60, 120, 255)
    ]
    assert distances[0] == 0.0
    assert distances == sorted(distances)
    assert 0.8 < distances[-1] < 1.0


@pytest.mark.parametrize(
    ("box", "identity", "variation"),
    [
        ((0, 0, 0, 0), 1, 0),
        ((0, 0, 40, 50), 1, 0),
        ((80, 80, 120, 120), 1, 0),
        ((-1, 0, 39, 40), 1, 0),
        ((0, 0, 40, 40), IDENTITIES, 0),
        ((0, 0, 40, 40), -1, 0),
        ((0, 0, 40, 40), 1, 256),
    ],
)
def test_invalid_drawings_are_refused(
    box: tuple[int, int, int, int], identity: int, variation: int
) -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(ValueError, match="must be"):
        draw_synthetic_face(pixels, box, identity, variation=variation)
    assert not pixels.any()


@pytest.mark.models
def test_real_photos_show_no_drawn_faces(engine: FaceEngine, assets: object) -> None:
    photos = sorted((assets / "photos" / "vladmandic-human").glob("*.jpg"))  # type: ignore[operator]
    assert len(photos) > 20
    for path in photos:
        assert len(engine.detect(np.asarray(Image.open(path).convert("RGB")))) == 0, path.name
