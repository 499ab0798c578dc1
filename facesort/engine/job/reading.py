"""What the workers are told about each file before they read it, so that no content is analysed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from facesort.core.records import File
from facesort.engine.analysis.analyse import Task
from facesort.store import Store
from facesort.store.job import files, photos
from facesort.store.job.photos import Known


@dataclass(slots=True)
class Reading:
    """The files that wait, with what is known about their contents.

    Parameters
    ----------
    store : Store
        Read at the start only.
    """

    store: Store
    known: Known
    _by_size: dict[int, frozenset[str]] = field(init=False)
    _failed: frozenset[str] = field(init=False)
    _shared: frozenset[int] = field(init=False)
    _retries: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self._by_size = photos.sizes_of(self.store)
        self._failed = frozenset(
            sha256 for sha256, key in self.known.by_sha256.items() if key in self.known.failed
        )
        self._shared = files.shared_sizes(self.store)
        self._retries = files.retries(self.store)

    def tasks(self, batches: Iterable[tuple[int, list[File]]]) -> Iterator[Task]:
        """One task per file of each batch, in order."""
        for batch_id, found in batches:
            for file in found:
                known = self._by_size.get(file.size, frozenset())
                # What failed is tried again, but nothing that did not.
                known = known - self._failed if batch_id in self._retries else known
                yield Task(file.ref, known, shared_size=file.size in self._shared)
