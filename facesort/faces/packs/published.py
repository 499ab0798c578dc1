"""Packs that can be fetched: whose files they are, where they lie, and their SHA-256.

Where hashes and sizes come from (looked up on 2026-11-28): of InsightFace's archives, from the catalogue of its own
server and from projects that measured the downloads; of SFace and YuNet, from the Git LFS pointers of opencv_zoo; of
AuraFace, from that of its repository, as several projects quote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from facesort.errors import PackError
from facesort.faces.packs.description import Description, read_description
from facesort.faces.packs.download import PublishedFile
from facesort.faces.packs.known import INSIGHTFACE
from facesort.faces.protocol import Licence


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that can be fetched.

    Parameters
    ----------
    name : str
        Of the pack, and of its folder.
    files : tuple of PublishedFile
        What is downloaded; a single ``.zip`` holds the pack.
    description : Description or None
        Its ``pack.toml``; None for a pack in InsightFace's layout.
    """

    name: str
    files: tuple[PublishedFile, ...]
    description: Description | None = None

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    @property
    def licences(self) -> tuple[tuple[PublishedFile, Licence], ...]:
        """What each file may be used for."""
        if self.description is None:
            return tuple((file, INSIGHTFACE) for file in self.files)
        halves = (self.description.detector, self.description.recogniser)
        return tuple((file, half.stated) for file, half in zip(self.files, halves, strict=True))


_INSIGHTFACE = "https://github.com/deepinsight/insightface/releases/download/model-zoo"
_OPENCV = "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models"
_FAL = "https://huggingface.co/fal/AuraFace-v1/resolve/af6d057c9b0ec4071d4c49c80e3539258798b609"

# Folder and bytes, by SHA-256.
_WHERE: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0": (
            f"{_OPENCV}/face_detection_yunet",
            229_738,
        ),
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": (
            f"{_OPENCV}/face_recognition_sface",
            38_696_353,
        ),
        "a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60": (_FAL, 260_694_151),
    }
)


def _archive(name: str, size: int, sha256: str) -> PublishedPack:
    return PublishedPack(name, (PublishedFile(f"{_INSIGHTFACE}/{name}.zip", sha256, size),))


def _described(name: str) -> PublishedPack:
    """A pack whose ``pack.toml`` lies here."""
    description = read_description(Path(__file__).with_name(f"{name}.toml"))
    halves = (description.detector, description.recogniser)
    places = [_WHERE[half.sha256] for half in halves]
    files = (
        PublishedFile(f"{folder}/{half.file}", half.sha256, size)
        for half, (folder, size) in zip(halves, places, strict=True)
    )
    return PublishedPack(name, tuple(files), description)


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
            _described("auraface"),
            _described("sface"),
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
