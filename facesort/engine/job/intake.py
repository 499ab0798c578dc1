"""Take in what the scan found: new files, and what became of those that were known."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from facesort.core.paths import to_text
from facesort.core.records import File, Photo
from facesort.engine.job.scan import scan_source
from facesort.engine.sources.root_folder import RootFolder
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.job import files

log = logging.getLogger(__name__)


def take_in(store: Store, places: Mapping[str, Path], apart: Sequence[RootFolder]) -> None:
    """Scan the sources that are there, and record what is new, gone or replaced."""
    for name, place in places.items():  # a bridge until the new scan lands
        known = {
            f.path: Photo(f.file_id, f.path, f.size, f.mtime_ns)
            for f, _, _ in files.known_files(store)
            if f.source == name
        }
        found = scan_source(place, known, apart)
        first = files.next_file_id(store)
        new = [File(first + i, name, p.path, p.size, p.mtime_ns) for i, p in enumerate(found.new)]
        replaced = [known[f.path].photo_id for f in new if f.path in known]
        unreadable = {to_text(path): Reason.UNREADABLE.value for path in found.unreadable}
        skipped = [(name, p, why, -1, 0) for p, why in (found.skipped | unreadable).items()]
        with store.transaction():
            files.set_state(store, replaced, "replaced")
            files.add_files(store, new)
            files.set_skipped(store, places, skipped)
        log.info("scan: %d new files, %d other files", len(new), len(found.skipped))
