"""What the workers are told about each file before they read it, so that no content is analysed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from facesort.core.records import File, PhotoRef
from facesort.core.sources.shots import Pairs, candidates, kind_by_name, rank
from facesort.engine.analysis.analyse import Partner, Task
from facesort.images import RAW_SUFFIXES, PhotoKind, photo_kind
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
        self.failed, self._failed = photos.held_by(self.store, self.known.failed)
        self._by_size = photos.contents_by_size(self.store)
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
                partners = self._partners.get(file.file_id, ())
                alone = (p.ref for p in partners if self._is_decided_beside(file.ref, p.ref))
                yield Task(
                    file.ref,
                    known,
                    shared_size=file.size in self._shared,
                    partners=partners,
                    alone_beside=frozenset(ref.photo_id for ref in alone),
                )

    def _is_decided_beside(self, file: PhotoRef, partner: PhotoRef) -> bool:
        """Whether a file is decided itself, should it be of the same shot as a partner.

        A new version of what was decided is decided, too.  A file of a better kind also is if what was decided is not
        there any more, or if it was edited: of a RAW that came first and a JPEG, both are delivered then.
        """
        known, before = self.known, self.known.replaces.get(file.photo_id)
        if self.pairs == "both" or (before is not None and before not in known.decided_as):
            return True
        lead = known.decided_for(partner.photo_id)
        mine, other = (
            rank(kind_by_name(ref.path, RAW_SUFFIXES.__contains__), self.pairs)
            for ref in (file, partner)
        )
        was_linked = before is not None and known.decided_as.get(before) == lead
        return mine < other and (lead in known.gone or was_linked)

    def _find_partners(self) -> dict[int, tuple[Partner, ...]]:
        """The photos that may be of one shot with each file that waits."""
        waiting, read = photos.refs_that_wait(self.store), photos.refs_that_were_read(self.store)
        # A movie belongs to its picture, and not the other way round.
        nearest = {
            key: tuple(ref for ref in refs if photo_kind(ref.path) is not PhotoKind.VIDEO)
            for key, refs in candidates(waiting, read, RAW_SUFFIXES.__contains__).items()
        }
        wanted = {ref.photo_id for refs in nearest.values() for ref in refs}
        infos = photos.infos_of(self.store, sorted(wanted))

        def partner(ref: PhotoRef) -> Partner:
            return Partner(ref, infos.get(ref.photo_id))

        return {key: tuple(map(partner, refs)) for key, refs in nearest.items()}
