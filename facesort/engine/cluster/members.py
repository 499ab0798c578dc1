"""The workers of a cluster, as a user sees them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """A worker that has joined a cluster, or tried to.

    Parameters
    ----------
    name : str
        Of its machine, with its address.
    processes : int
        That looked for faces when it answered last.
    most_processes : int
        How many it starts if enough photos wait.
    photos : int
        Analysed in this run.
    images_per_second : float or None
        From when it was taken in to its last photo; None before its first.
    left : bool
        Whether it is gone.
    refused : str
        Why it gets no photo; empty if it does.
    """

    name: str
    processes: int = 0
    most_processes: int = 0
    photos: int = 0
    images_per_second: float | None = None
    left: bool = False
    refused: str = ""
