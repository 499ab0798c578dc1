"""Packs that can be fetched: whose files they are, where they lie, and their SHA-256.

Where hashes and sizes come from (looked up on 2026-11-28): of InsightFace's archives, from the catalogue of its own
server and from projects that measured the downloads; of SFace and YuNet, from the Git LFS pointers of opencv_zoo; of
AuraFace, from that of its repository, as several projects quote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facesort.errors import PackError
from facesort.faces.packs.download import PublishedFile


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that can be fetched.

    Parameters
    ----------
    name : str
        Of the pack, and of its folder.
    files : tuple of PublishedFile
        What is downloaded; a single ``.zip`` holds the pack.
    """

    name: str
    files: tuple[PublishedFile, ...]

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


_ZOO = "https://github.com/deepinsight/insightface/releases/download/model-zoo"


def _archive(name: str, size: int, sha256: str) -> PublishedPack:
    return PublishedPack(name, (PublishedFile(f"{_ZOO}/{name}.zip", sha256, size),))


PUBLISHED: Mapping[str, PublishedPack] = MappingProxyType(
    {
        pack.name: pack
        for pack in (
            _archive(
                "antelopev2",
                360_662_982,
                "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
            ),
            _archive(
                "buffalo_l",
                288_621_354,
                "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            ),
            _archive(
                "buffalo_m",
                275_951_529,
                "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9",
            ),
            _archive(
                "buffalo_s",
                127_607_557,
                "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
            ),
            _archive(
                "buffalo_sc",
                14_969_382,
                "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
            ),
        )
    }
)
"""By name."""


def published(name: str) -> PublishedPack:
    """Find a pack that can be fetched.

    Raises
    ------
    PackError
        If there is none of that name.
    """
    if name not in PUBLISHED:
        raise PackError(
            f"there is no model pack {name!r} to fetch; choose one of {', '.join(sorted(PUBLISHED))}"
        )
    return PUBLISHED[name]
