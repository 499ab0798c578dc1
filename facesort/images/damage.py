"""What is told of a picture of which pixels are missing or guessed."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.reasons import Reason

DAMAGED = "damaged"
"""Remark on a photo that was accepted although it is damaged."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage to the pixels of a picture.

    Parameters
    ----------
    reason : Reason
        ``truncated`` if the end of the data is missing, else ``corrupt``.
    found : str
        What the decoder said, or how the damage shows.
    share : float or None
        Of the picture, that is missing or guessed; None: where the damage begins cannot be told.
    """

    reason: Reason
    found: str
    share: float | None = None

    def sentence(self, kind: str) -> str:
        """What people are told, of a file of some format."""
        if self.share is None:
            part = "an unknown part of the picture, up to all of it, is"
        elif self.share < 0.01:
            part = "less than 1 % of the picture is"
        else:
            part = f"{self.share:.0%} of the picture is".replace("%", " %")
        return f"{kind}: {part} missing or wrong ({self.found})"
