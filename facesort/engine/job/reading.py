"""What the workers are told about each file before they read it, so that no content is analysed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from facesort.core.records import File, PhotoRef
from facesort.core.shots import Pairs, candidates
from facesort.engine.analysis.analyse import Partner, Task
from facesort.images import RAW_SUFFIXES
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
    pairs : {"jpeg", "raw", "both"}
        Which file of a shot is decided.
    failed : frozenset of int
        Ids of the files whose photo failed before.
    """

    store: Store
    known: Known
    pairs: Pairs
    failed: frozenset[int] = field(init=False)
    _by_size: dict[int, frozenset[str]] = field(init=False)
    _failed: frozenset[str] = field(init=False)
    _shared: frozenset[int] = field(init=False)
    _retries: frozenset[int] = field(init=False)
    _partners: dict[int, tuple[Partner, ...]] = field(init=False)

    def __post_init__(self) -> None:
        known = self.known
        self.failed = frozenset(f for f, photo in known.by_file.items() if photo in known.failed)
        self._failed = frozenset(s for s, photo in known.by_sha256.items() if photo in known.failed)
        self._by_size = photos.sizes_of(self.store)
        self._shared = files.shared_sizes(self.store)
        self._retries = files.retries(self.store)
        self._partners = self._find_partners()

    def tasks(self, batches: Iterable[tuple[int, list[File]]]) -> Iterator[Task]:
        """One task per file of each batch, in order."""
        for batch_id, found in batches:
            for file in found:
                known = self._by_size.get(file.size, frozenset())
                # What failed is tried again, but nothing that did not.
                known = known - self._failed if batch_id in self._retries else known
                yield Task(
                    file.ref,
                    known,
                    shared_size=file.size in self._shared,
                    partners=self._partners.get(file.file_id, ()),
                    alone=self.pairs == "both" or self._is_new_version(file.file_id),
                )

    def _is_new_version(self, file_id: int) -> bool:
        """Whether a file was edited, and its earlier version was decided for a shot: then this one is, from now on."""
        before = self.known.replaces.get(file_id)
        return before is not None and any(
            self.known.decided_for(partner.ref.photo_id) == before
            for partner in self._partners.get(file_id, ())
        )

    def _find_partners(self) -> dict[int, tuple[Partner, ...]]:
        """The photos that may be of one shot with each file that waits."""
        waiting, read = photos.refs_by_reading(self.store)
        nearest = candidates(waiting, read, RAW_SUFFIXES.__contains__)
        wanted = {ref.photo_id for refs in nearest.values() for ref in refs}
        infos = photos.infos_of(self.store, sorted(wanted))

        def partner(ref: PhotoRef) -> Partner:
            return Partner(ref, infos.get(ref.photo_id))

        return {key: tuple(map(partner, refs)) for key, refs in nearest.items()}
