"""That the comparison with the pictures of the documentation can fail, and that they are all there and small."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import LARGEST, difference, write
from PIL import Image, ImageOps

NAMES = ["01_seed", "02_calibrate", "03_sort", "04_review", "05_audit", "event", "gallery"]


def test_each_picture_is_there_with_what_it_says_and_small(checkout: Path) -> None:
    folder = checkout / "docs" / "images"
    assert sorted(path.stem for path in folder.glob("*.png")) == NAMES
    assert sorted(path.stem for path in folder.glob("*.txt")) == NAMES
    assert [p.name for p in folder.glob("*.png") if p.stat().st_size > LARGEST] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_changed_is_seen(checkout: Path, tmp_path: Path, name: str) -> None:
    folder = checkout / "docs" / "images"
    said = (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    with Image.open(folder / f"{name}.png") as file:
        same = file.convert("RGB")
    assert difference(folder, name, same, said) is None
    assert "+one more button" in str(difference(folder, name, same, [*said, "one more button"]))
    assert difference(folder, name, same, said[1:]) is not None

    dark = ImageOps.invert(same)
    unstyled = Image.new("RGB", same.size, "white")
    longer = ImageOps.expand(same, (0, 0, 0, same.height // 4), "white")
    for changed in (dark, unstyled, longer):
        assert "looks different" in str(difference(folder, name, changed, said))

    write(tmp_path, name, dark, said)
    assert difference(tmp_path, name, dark, said) is None
