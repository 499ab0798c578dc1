"""Smaller versions of an output JPEG: which there are, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["webp", "jpeg", "avif"]

SUFFIXES: dict[Format, str] = {"webp": "webp", "jpeg": "jpg", "avif": "avif"}


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """What is asked for.

    Parameters
    ----------
    edge : int
        Long edge in px, at most.
    quality : int
        Of the encoder, 1 to 100; the same number means another quality in each format.
    """

    format: Format
    edge: int
    quality: int


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """One version that was made.

    Parameters
    ----------
    width, height : int
        In px.
    size : int
        In bytes.
    sha256 : str
        Of the file, in hex.
    """

    variant: Variant
    width: int
    height: int
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """File name, by content."""
        return f"{self.sha256}.{SUFFIXES[self.variant.format]}"

    @property
    def key(self) -> str:
        """Path below the folder of all derivatives, POSIX."""
        return f"{self.sha256[:2]}/{self.name}"


@dataclass(frozen=True, slots=True)
class Derivative(DerivedFile):
    """One version with its bytes.

    Parameters
    ----------
    data : bytes
        The file: upright sRGB without metadata.
    """

    data: bytes = field(repr=False)


THUMBNAIL = Variant("jpeg", 300, 90)
"""Picture of a person."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """Picture of a person: of their best face, or the one that a user chose.

    Parameters
    ----------
    face_id : int or None
        None: a reference that is no face of the event.
    jpeg_sha256 : str
        Of the output JPEG, or of the reference's crop, that it was made from.
    """

    person_id: int
    face_id: int | None
    jpeg_sha256: str
    file: DerivedFile


def variants_for(edge: int, variants: Iterable[Variant]) -> tuple[Variant, ...]:
    """Variants that a picture of some long edge has, largest first.

    Nothing is enlarged: of the edges that are not smaller than the picture's, the smallest stands for its own size, and
    the others are left out.

    Parameters
    ----------
    edge : int
        In px.
    """
    asked = sorted(set(variants), key=lambda v: (-v.edge, v))
    return tuple(
        variant
        for variant in asked
        if not any(
            (other.format, other.quality) == (variant.format, variant.quality)
            and edge <= other.edge < variant.edge
            for other in asked
        )
    )
