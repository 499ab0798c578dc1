"""Run as a process: add and remove faces until it is killed, and tell on stdout what is done and what begins."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from drawn_collections import face, new_faces

from facesort.core.collections.protocol import FaceCollections
from facesort.engine.collections.opening import open_collections

AT_A_TIME = 3


def ids(keys: range) -> list[str]:
    return [face(key).face_id for key in keys]


def keys_of(number: int) -> range:
    return range(number * AT_A_TIME, (number + 1) * AT_A_TIME)


def tell(what: str, number: int) -> None:
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


def act(store: FaceCollections, first: int) -> None:
    """Add three faces, remove three others, and so on: every fourth addition is removed again."""
    for number in count(first):
        tell("adds", number)
        store.add("guests", new_faces(keys_of(number)))
        tell("added", number)
        if number % 4 == 3:
            tell("removes", number - 2)
            store.remove("guests", ids(keys_of(number - 2)))
            tell("removed", number - 2)


if __name__ == "__main__":
    folder, url, first = sys.argv[1:]
    act(open_collections(Path(folder), url or None), int(first))
