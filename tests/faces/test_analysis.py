from __future__ import annotations

import numpy as np
import pytest

from facesort.core.faces.quality import quality
from facesort.faces.analysis import find_faces
from facesort.faces.engines.load import load_engine
from facesort.faces.engines.synthetic import draw_synthetic_face, synthetic_embedding
from facesort.faces.packs.find import resolve_pack
from facesort.pixels import Pyramid


def test_find_faces_scales_to_the_photo_and_crops_in_the_image() -> None:
    engine = load_engine(resolve_pack("synthetic", []), threads=1)
    pixels = np.full((240, 320, 3), 128, np.uint8)
    draw_synthetic_face(pixels, (20, 40, 84, 104), 3, variation=10)
    draw_synthetic_face(pixels, (200, 100, 296, 196), 9, variation=20)
    cropped = []

    def crop(image: np.ndarray, box: np.ndarray) -> bytes:
        assert image is pixels
        cropped.append(box.tolist())
        return str(len(cropped)).encode()

    left, right = find_faces(engine, Pyramid(pixels), scale=2.5, crop=crop)
    np.testing.assert_allclose(left.box, [50, 100, 210, 260], atol=5)
    np.testing.assert_allclose(right.landmarks[2], [620, 382], atol=5)
    np.testing.assert_allclose(cropped, [[20, 40, 84, 104], [200, 100, 296, 196]], atol=2)
    assert (left.crop, right.crop) == (b"1", b"2")
    np.testing.assert_array_equal(left.embedding, synthetic_embedding(3, 10))
    np.testing.assert_array_equal(right.embedding, synthetic_embedding(9, 20))
    assert left.quality == pytest.approx(  # by the px that were analysed
        quality(
            size_px=cropped[0][2] - cropped[0][0],
            sharpness=left.sharpness,
            yaw=0.0,
            score=left.score,
        )
    )
    assert left.yaw == pytest.approx(0.0, abs=1e-3)
