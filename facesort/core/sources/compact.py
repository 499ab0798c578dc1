"""A dict of very many things in two columns: a dict of a million texts takes 250 MB, its columns 70."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K", str, int)
V = TypeVar("V", str, int)


class Compact(MutableMapping[K, V]):
    """What was known before, sorted, and a dict of what came since; nothing is ever removed.

    Parameters
    ----------
    keys, values : ndarray of shape (n,)
        Integers, or ASCII texts as bytes (dtype ``S``); of equal keys, the last one counts.
    """

    def __init__(self, keys: NDArray[Any], values: NDArray[Any]) -> None:
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], values[order]
        last = np.ones(len(keys), np.bool_)
        last[:-1] = keys[1:] != keys[:-1]
        self._keys, self._values = (keys, values) if last.all() else (keys[last], values[last])
        self._since: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        """The value of a key."""
        found = self._since.get(key)
        if found is not None:
            return found
        row = self._row(key)
        if row is None:
            raise KeyError(key)
        value: V = _plain(self._values[row])
        return value

    def __setitem__(self, key: K, value: V) -> None:
        """Add a key, or give another value to one."""
        self._since[key] = value

    def __delitem__(self, key: K) -> None:
        """Not possible."""
        raise TypeError("what is known stays known")

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key."""
        return key in self._since or self._row(key) is not None

    def __iter__(self) -> Iterator[K]:
        """All keys."""
        yield from (key for key in map(_plain, self._keys) if key not in self._since)
        yield from self._since

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._keys) + sum(self._row(key) is None for key in self._since)

    def _row(self, key: object) -> int | None:
        wanted = key.encode() if isinstance(key, str) else key
        row = int(np.searchsorted(self._keys, np.array(wanted, self._keys.dtype)))
        # Compared as it was given: what is longer than any key was cut.
        return row if row < len(self._keys) and self._keys[row] == wanted else None


def _plain(value: Any) -> Any:
    found = value.item()
    return found.decode() if isinstance(found, bytes) else found
