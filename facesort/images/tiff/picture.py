"""Open the photo in a TIFF file, which may hold other pictures too."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesort.errors import ImageError
from facesort.images.damage import Damage
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.tiff.directories import (
    SUB_DIRECTORIES,
    Directory,
    is_big,
    main_picture,
    read_directories,
)
from facesort.images.tiff.exif import exif_from
from facesort.images.tiff.rewrite import as_tiff
from facesort.images.tiff.samples import (
    WEBP,
    UnlimitedTiff,
    can_show,
    is_sparse,
    sample_type,
    scaled_values,
    shown,
)
from facesort.reasons import Reason

_ORIENTATION = 274
_PROFILE = 34675
_JPEG = frozenset({6, 7})
# Other compressions: of documents, slides and maps, or newer than libtiff in Pillow knows.
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000, WEBP})
_NAMES = {34661: "JBIG", 34676: "LogLuv", 34677: "LogLuv", 34712: "JPEG 2000", 33003: "JPEG 2000", 33004: "JPEG 2000",
          33005: "JPEG 2000", 34887: "LERC", 50002: "JPEG XL", 52546: "JPEG XL"}  # fmt: skip
_ADVICE = "export the picture as JPEG, or as TIFF with 8 or 16 bits and LZW compression"


class TiffPicture(UnlimitedTiff):
    """The photo of a TIFF file, as it is stored: not turned.

    Attributes
    ----------
    exif : Image.Exif
        Of the picture; what it lacks, of the first one in the file.
    has_pages : bool
        Whether there are further pictures that are not reduced versions of this one.
    damage : Damage or None
        What is missing of decoded pixels, where Pillow does not decode them.

    Raises
    ------
    ImageError
        ``unsupported_format`` for a kind of TIFF that neither Pillow nor `tiff_samples` reads.
    """

    damage: Damage | None = None

    def __init__(self, file: io.BytesIO) -> None:
        data = file.getvalue()
        directories = read_directories(data)
        self._directory, pages = main_picture(directories)
        self.has_pages = bool(pages)
        self.exif = _exif(directories[0], self._directory)
        self._is_ours = _needs_samples(self._directory)
        _check_kind(self._directory)
        if is_big(data) or self._directory is not directories[0]:
            file = io.BytesIO(as_tiff(self._directory))
        super().__init__(file)

    def _setup(self) -> None:
        if not self._is_ours:
            try:
                super()._setup()
            except DECODER_ERRORS as error:
                if not can_show(self._directory):
                    raise _unsupported(self._directory) from error
                self._is_ours = True
        subsampling = self._directory.integers(530)[:2]
        if self.mode == "YCbCr" and subsampling != (1, 1):  # which Pillow does not look at
            self._mode, self.use_load_libtiff = "RGB", True
            self.tile = [
                self.tile[0]._replace(
                    codec_name="libtiff",
                    extents=(0, 0, *self._tile_size),
                    offset=0,
                    args=("RGBX", False, self.tag_v2.offset),
                )
            ]
        if self._is_ours:
            self._mode = "RGB"
            self._tile_size = self._directory.size
            self.tile = []
            if profile := self._directory.payload(_PROFILE):
                self.info["icc_profile"] = profile
        self._size = self._tile_size

    def load(self) -> Any:
        """Decode the pixels."""
        if self._is_ours and self._im is None:
            picture, self.damage = shown(self._directory)
            self._mode, self.im = picture.mode, picture.im
        return Image.Image.load(self) if self._is_ours else super().load()

    def deep_samples(self) -> NDArray[np.uint16] | None:
        """Decode with 16 bits, shape (height, width, 1 or 3); None if it has no more than 8."""
        kind = sample_type(self._directory)
        if kind is None or np.dtype(kind).itemsize == 1 or not can_show(self._directory):
            return None
        values, self.damage = scaled_values(self._directory)
        return (values * 65535 + 0.5).astype(np.uint16)

    def load_end(self) -> None:
        """Leave the picture as it is stored, but bring 12 bits to 16: Pillow has them in a mode of 16."""
        if self.mode.startswith("I;16") and self._directory.integers(258) == (12,):
            self.im = self.im.point_transform(65535 / 4095, 0)

    def getexif(self) -> Image.Exif:
        """`exif`."""
        return self.exif


def _exif(first: Directory, main: Directory) -> Image.Exif:
    exif = exif_from((first, main))
    # The first picture may be another page; only as the thumbnail of this one it tells how to turn it.
    if _ORIENTATION not in main and (
        first.is_photo and main.offset not in first.integers(SUB_DIRECTORIES)
    ):
        exif.pop(_ORIENTATION, None)
    return exif


def _needs_samples(directory: Directory) -> bool:
    """Whether Pillow decodes it wrongly, or not at all."""
    kind, count = sample_type(directory), directory.first(277, 1)
    if kind is None or not can_show(directory):
        return False
    if directory.first(259, 1) == WEBP or is_sparse(directory):
        return True
    chunky_colour = count >= 3 and directory.first(284, 1) == 1
    return kind[0] == "f" or int(kind[1]) > 2 or (kind[1] == "2" and not chunky_colour)


def _check_kind(directory: Directory) -> None:
    """Refuse what Pillow would decode wrongly, or fail to decode although the file is whole."""
    compression = directory.first(259, 1)
    bits = set(directory.integers(258))
    if (
        compression not in _COMPRESSIONS
        or (compression in _JPEG and bits and bits != {8})
        or (3 in directory.integers(339) and not can_show(directory))
        or (is_sparse(directory) and not can_show(directory))
        or (directory.first(284, 1) == 2 and max(bits, default=1) > 8 and not can_show(directory))
    ):
        raise _unsupported(directory)


def _unsupported(directory: Directory) -> ImageError:
    compression = directory.first(259, 1)
    if compression not in _COMPRESSIONS:
        what = f"{_NAMES.get(compression, f'the compression {compression}')} inside"
    elif is_sparse(directory):
        what = "strips or tiles that are left out"
    else:
        bits = "+".join(str(bit) for bit in directory.integers(258)) or "1"
        kind = " float" if 3 in directory.integers(339) else ""
        what = (
            f"{bits}{kind} bits per pixel and photometric interpretation {directory.first(262, 0)}"
        )
    return ImageError(Reason.UNSUPPORTED_FORMAT, f"a TIFF with {what} cannot be read: {_ADVICE}")
