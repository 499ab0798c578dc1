"""How many edits of a photo its perceptual hash recognises, and how many different photos it takes for one.

A photo is edited, saved and read again as any photo is.  Two photos are near duplicates if less than `threshold` of the
64 bits of their hashes differ; the times and cameras that a burst also needs are not looked at here.  Half of the bits
of a hash are set (those above the median), so that an even number differs: odd thresholds would say nothing new.

    python benchmarks/near_duplicates.py --photos ../shared/photos
"""

from __future__ import annotations

import argparse
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from figures import run_benchmark
from PIL import Image, ImageEnhance
from scipy.stats import binomtest

from facesort.core.moments.bursts import DIFFERENT_BITS
from facesort.core.text.words import share
from facesort.errors import ImageError
from facesort.images import load_photo, perceptual_hash
from facesort.pixels import Pyramid

_SETS = ("compreface", "deepface", "face-api-bbt", "immich", "knn_examples", "vladmandic-human")
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_SMALLEST = 300  # px: what is smaller is a picture of a face
_THRESHOLDS = (4, 6, 8, 10, 12, 14, 16)
# A person before one background, making faces: the directory and what the names begin with.
_SCENES = (("vladmandic-human", "stock-emotions-a-"), ("vladmandic-human", "stock-emotions-b-"))
_CLIP = "knn_examples/short_hamilton_clip.mp4"

Picture = Image.Image


def _saved(picture: Picture, quality: int = 92) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _resized(share: float) -> Callable[[Picture], bytes]:
    return lambda p: _saved(p.resize((round(p.width * share), round(p.height * share))))


def _cropped(left: float, top: float, right: float, bottom: float) -> Callable[[Picture], bytes]:
    """Take these shares off the sides."""

    def crop(p: Picture) -> bytes:
        w, h = p.size
        box = (w * left, h * top, w * (1 - right), h * (1 - bottom))
        return _saved(p.crop(tuple(map(round, box))))  # type: ignore[arg-type]

    return crop


def _rotated(degrees: float) -> Callable[[Picture], bytes]:
    """Rotate, and crop to what is inside, as photo programs do."""

    def rotate(p: Picture) -> bytes:
        angle = np.deg2rad(degrees)
        share = 1 / (np.cos(angle) + np.sin(angle) * max(p.size) / min(p.size))
        w, h = p.width * share / 2, p.height * share / 2
        x, y = p.width / 2, p.height / 2
        turned = p.rotate(degrees, Image.Resampling.BICUBIC)
        return _saved(turned.crop(tuple(map(round, (x - w, y - h, x + w, y + h)))))  # type: ignore[arg-type]

    return rotate


def _brighter(gain: float) -> Callable[[Picture], bytes]:
    return lambda p: _saved(ImageEnhance.Brightness(p).enhance(gain))


EDITS: Mapping[str, Callable[[Picture], bytes]] = {
    "saved with quality 90": lambda p: _saved(p, 90),
    "saved with quality 50": lambda p: _saved(p, 50),
    "saved with quality 20": lambda p: _saved(p, 20),
    "half as wide": _resized(0.5),
    "a quarter as wide": _resized(0.25),
    "5 % cropped, around": _cropped(0.025, 0.025, 0.025, 0.025),
    "5 % cropped, one side": _cropped(0.05, 0, 0, 0),
    "10 % cropped, around": _cropped(0.05, 0.05, 0.05, 0.05),
    "brightness - 25 %": _brighter(0.75),
    "brightness + 25 %": _brighter(1.25),
    "rotated by 1 degree": _rotated(1),
    "rotated by 2 degrees": _rotated(2),
    "rotated by 5 degrees": _rotated(5),
}


def _hash(data: bytes, name: str) -> int:
    return perceptual_hash(load_photo(data, name, max_megapixels=200).image)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)


def _pictures(photos: Path) -> Iterator[tuple[str, Picture]]:
    for path in itertools.chain.from_iterable(_files(photos / name) for name in _SETS):
        try:
            loaded = load_photo(path.read_bytes(), path.name, max_megapixels=200)
        except ImageError:
            continue
        if min(loaded.pixels.shape[:2]) >= _SMALLEST:
            yield path.relative_to(photos).as_posix(), Image.fromarray(loaded.pixels)


def _apart(hashes: Sequence[int]) -> list[int]:
    return [(a ^ b).bit_count() for a, b in itertools.combinations(hashes, 2)]


def _hashes_of(paths: Sequence[Path]) -> list[int]:
    return [_hash(path.read_bytes(), path.name) for path in paths]


def _of_one_scene(photos: Path) -> list[int]:
    groups = [sorted((photos / folder).glob(f"{name}*.jpg")) for folder, name in _SCENES]
    return [bits for group in groups for bits in _apart(_hashes_of(group))]


def _of_different_sets(photos: Sequence[tuple[str, int]]) -> list[int]:
    pairs = itertools.combinations(photos, 2)
    return [(a ^ b).bit_count() for (one, a), (other, b) in pairs if one != other]


def _of_one_person(photos: Path) -> list[int]:
    """Photos of one person from different days, cut around the face in the same way: LFW."""
    found = []
    for person in sorted((photos / "lfw").iterdir()):
        if person.is_dir() and len(files := _files(person)) > 1:
            found += _apart(_hashes_of(files[:4]))
    return found


def _of_a_clip(photos: Path, seconds: float) -> list[int]:
    """Frames of a film that are so far apart, each with the next."""
    video = cv2.VideoCapture(str(photos / _CLIP))
    step = round(video.get(cv2.CAP_PROP_FPS) * seconds)
    hashes = []
    for number in itertools.count():
        read, frame = video.read()
        if not read:
            break
        if number % step == 0:
            hashes.append(perceptual_hash(Pyramid(np.ascontiguousarray(frame[..., ::-1]))))
    return [(a ^ b).bit_count() for a, b in itertools.pairwise(hashes)]


def _row(name: str, bits: Sequence[int]) -> str:
    cells = [name, f"{len(bits):,}"]
    for threshold in _THRESHOLDS:
        near = sum(one < threshold for one in bits)
        ci = binomtest(near, len(bits)).proportion_ci(method="wilson")
        low, high = (share(end).removesuffix(" %") for end in (max(ci.low, 0), ci.high))
        cells.append(f"{share(near / len(bits))} ({low} to {high})")
    return f"| {' | '.join(cells)} |"


def _head(name: str) -> str:
    cells = [name, "pairs", *(f"< {t}{' (in force)' * (t == DIFFERENT_BITS)}" for t in _THRESHOLDS)]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    photos: Path = parser.parse_args().photos
    bits: dict[str, list[int]] = {name: [] for name in EDITS}
    originals = []
    for name, picture in _pictures(photos):
        original = _hash(_saved(picture, 95), name)
        originals.append((name.partition("/")[0], original))
        for edit, change in EDITS.items():
            bits[edit].append((original ^ _hash(change(picture), name)).bit_count())
    print(_head("edit"))
    for edit, found in bits.items():
        print(_row(edit, found))
    print(_row("all edits", [one for found in bits.values() for one in found]))
    print()
    print(_head("different photos"))
    print(_row("one person, one background, other expressions", _of_one_scene(photos)))
    print(_row("frames of a film, 0.5 s apart", _of_a_clip(photos, 0.5)))
    print(_row("one person, other days", _of_one_person(photos)))
    print(_row("photos of different sets", _of_different_sets(originals)))


if __name__ == "__main__":
    run_benchmark(main, ["facesort/images/phash.py", "facesort/core/moments/bursts.py"])
