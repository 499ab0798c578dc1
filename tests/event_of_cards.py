"""A drawn event as its photographers bring it: three cards, two cameras with clocks 63 minutes apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from images.synthetic_photos import dng, exif
from PIL import Image

from facesort.faces.engines.synthetic import draw_synthetic_face

AHEAD = timedelta(minutes=63)
"""By how much the second camera's clock is ahead."""
PERSONS = {f"Person {identity}": identity for identity in range(1, 7)}
_STRANGER = 100
_SUBSECONDS = b"\x91\x92\x02\0\x03\0\0\0"  # tag 37521, a text of three bytes with its end
_FIRST_DAY = datetime(2026, 6, 6, 14)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera, as its files state it; a model of five letters fits into `dng`."""

    make: str
    model: str
    clock: timedelta = timedelta()

    def jpeg(self, pixels: Image.Image, at: datetime, **tags: object) -> bytes:
        """A photo with time, hundredths of a second, zone and camera."""
        shown = at + self.clock
        file = io.BytesIO()
        metadata = exif(
            Make=self.make,
            Model=self.model,
            DateTimeOriginal=f"{shown:%Y:%m:%d %H:%M:%S}",
            SubsecTimeOriginal=f"{shown.microsecond // 10_000:02d}",
            OffsetTimeOriginal="+02:00",
            **tags,
        )
        pixels.save(file, "JPEG", quality=90, exif=metadata.tobytes())
        return file.getvalue()

    def raw(self, pixels: Image.Image, at: datetime, preview: bytes) -> bytes:
        """A DNG of the same exposure."""
        shown = at + self.clock
        made = dng(pixels, preview=preview, maker=self.make.encode())
        for old, new in (
            ("2024:06:01 12:30:45", f"{shown:%Y:%m:%d %H:%M:%S}"),
            ("Model\0", f"{self.model}\0"),
        ):
            made = made.replace(old.encode(), new.encode())
        # A value of up to four bytes stands in the directory itself.
        hundredths = f"{shown.microsecond // 10_000:02d}".encode()
        return made.replace(_SUBSECONDS + b"25\0", _SUBSECONDS + hundredths + b"\0")


SONY = Camera("SONY", "A7-M3")
CANON = Camera("Canon", "EOSR6", AHEAD)


def picture(people: Sequence[int], shade: int, corner: int = 0) -> Image.Image:
    """A small grey picture with faces side by side; its corner tells it from others of the same shade."""
    pixels = np.full((140, 420, 3), shade, np.uint8)
    pixels[:16, :16] = corner
    for place, identity in enumerate(people):
        left = 10 + 100 * place
        draw_synthetic_face(pixels, (left, 30, left + 90, 120), identity, variation=40 + shade % 90)
    return Image.fromarray(pixels)


def make_portraits(folder: Path) -> None:
    """A folder per person, with one reference."""
    for name, identity in PERSONS.items():
        (folder / name).mkdir(parents=True)
        picture([identity], 30).save(folder / name / "portrait.png")


@dataclass(slots=True)
class Card:
    """A card in a camera."""

    folder: Path
    camera: Camera
    stem: str
    number: int = 0
    shots: int = 0
    pairs: int = 0

    def take(self, people: Sequence[int], at: datetime, **tags: object) -> Path:
        """Take a photo; three of ten as RAW and JPEG."""
        self.number += 1
        self.shots += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        shot = self.folder / f"{self.stem}{self.number:05d}"
        pixels = picture(people, 100 + self.number, 60 * len(self.stem) - 180)
        jpeg = self.camera.jpeg(pixels, at, **tags)
        shot.with_suffix(".JPG").write_bytes(jpeg)
        if self.shots % 10 in (2, 5, 9):
            self.pairs += 1
            shot.with_suffix(".DNG").write_bytes(self.camera.raw(pixels, at, jpeg))
        return shot.with_suffix(".JPG")


@dataclass(slots=True)
class Event:
    """The cards of an event.

    Two days of 10 moments, at which three of six persons meet, or a stranger.  The first card and the second one are of
    the Sony, one for each day; the third is of the Canon, which sees every moment too.
    """

    first: Card
    second: Card
    third: Card

    @classmethod
    def take(cls, folder: Path) -> Event:
        """Take all photos."""
        event = cls(
            Card(folder / "SONY_A" / "DCIM" / "100MSDCF", SONY, "DSC"),
            Card(folder / "SONY_B" / "DCIM" / "101MSDCF", SONY, "DSC", number=50),
            Card(folder / "CANON" / "DCIM" / "100EOSR6", CANON, "IMG_"),
        )
        rng = np.random.default_rng(12)
        for moment in range(20):
            day, hour = divmod(moment, 10)
            start = _FIRST_DAY + timedelta(days=day, minutes=37 * hour + int(rng.integers(0, 9)))
            people = sorted(int(i) for i in rng.choice(np.arange(1, 7), 3, replace=False))
            if moment % 5 == 4:
                people[-1] = _STRANGER + moment
            for card in ((event.first, event.second)[day], event.third):
                for _ in range(3):
                    at = start + timedelta(seconds=float(rng.uniform(0, 20)))
                    there = [p for p in people if rng.random() < 0.8]
                    card.take(there, at)
        event._extras()
        return event

    def _extras(self) -> None:
        """What else lies on cards."""
        first, second, third = self.first.folder, self.second.folder, self.third.folder
        (first / "DSC00001.MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
        (third / "IMG_00003.MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
        (first / "DSC00002.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
        (second / "DSC00052.JPG.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
        (second / "DSC00001.JPG").write_bytes((first / "DSC00001.JPG").read_bytes())  # a copy
        (first / "DSC00099.JPG").write_bytes((first / "DSC00003.JPG").read_bytes()[:700])  # broken
        outside = first.parents[2] / "elsewhere.JPG"
        outside.write_bytes((first / "DSC00004.JPG").read_bytes())
        (first / "DSC00098.JPG").symlink_to(outside)
