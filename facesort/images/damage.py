"""What is told of a picture of which pixels are missing or guessed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.reasons import Reason

_LITTLE = 0.01


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage to the pixels of a picture.

    Parameters
    ----------
    reason : Reason or None
        ``truncated`` if the end of the data is missing, else ``corrupt``; None: as the container says.
    found : str
        What the decoder said, or how the damage shows.
    share : float or None
        Of the picture, that is missing or guessed; None: unknown.
    at_most : bool
        Whether it may be less, because it is not known where in that part the damage begins.
    """

    reason: Reason | None
    found: str
    share: float | None = None
    at_most: bool = False

    def sentence(self, kind: str) -> str:
        """What people are told, of a file of some format."""
        if self.share is None:
            part = "an unknown part"
        elif self.share < _LITTLE:
            part = "less than 1 %"
        else:
            part = f"{'up to ' * self.at_most}{100 * self.share:.0f} %"
        return f"{kind}: {part} of the picture is missing or wrong ({self.found})"


def load_what_is_there(
    image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]
) -> Damage | None:
    """Decode with Pillow as much as can be decoded.

    Where the decoder stops early, it is run on white ground and on black: what differs then was not decoded.

    Parameters
    ----------
    image : ImageFile
        Opened, not loaded yet.
    again : callable
        Opens it once more.

    Returns
    -------
    Damage or None
        None if all of it was decoded.

    Raises
    ------
    One of `DECODER_ERRORS`
        If nothing can be decoded.
    """
    try:
        image.load()
    except DECODER_ERRORS as error:
        grounds = [_loaded_on(again(), ground) for ground in (0, 255)]
        missing = float(np.mean(grounds[0] != grounds[1]))
        if missing == 1:
            raise
        image.tile = []
        return Damage(None, str(error) or type(error).__name__, missing or None)
    return None


def _loaded_on(image: ImageFile.ImageFile, ground: int) -> NDArray[np.generic]:
    filled = Image.new(
        image.mode, image.size, ground if len(image.getbands()) == 1 else (ground,) * 4
    )
    image.im = filled.im
    with suppress(*DECODER_ERRORS):
        image.load()
    image.tile = []
    return np.asarray(image)
