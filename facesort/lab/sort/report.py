"""The results of a sort, read from the store in one go so that the database is free while the user looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.matching import Thresholds
from facesort.core.stored import StoredFace
from facesort.core.text.words import duration
from facesort.engine.counted import status_report
from facesort.engine.delivery.corrections import listed
from facesort.engine.gallery.alike import Alike, find_alike
from facesort.engine.job.progress import read_progress
from facesort.faces.engines.backends import describe_backend
from facesort.faces.protocol import ModelPack
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.remarks import wrong_files_remark
from facesort.lab.shared.summary import Summary
from facesort.reasons import Outcome
from facesort.store.queries import reports
from facesort.store.queries.reports import Counts, RunRecord
from facesort.store.queries.review import shown
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class SortReport:
    """A run, and the workspace after it.  Displays as one sentence, with a summary for programs.

    Parameters
    ----------
    counts : Counts
        Of the whole job, including earlier runs.
    drops, skipped : mapping of reason to int
        Photos that reached no person's folder; files that are not photos.
    failed : sequence of (path, reason, detail)
        At most 100 failed photos.
    failed_writes : sequence of (target, reason)
    batches : sequence of (finished_at, photos, seconds waited for workers, seconds worked)
        Of this run.
    distances : mapping of Outcome to ndarray of shape (n,), float32
        Of every face to its person, or else to the nearest person.
    doubtful : sequence of StoredFace or None
        None if not requested.
    backend : str
        What ran the networks, in words.
    alike : sequence of Alike
        Persons who look like one.
    wrong : str
        What of the output is not right any more; empty for nothing.
    workers : sequence of mapping
        Of a cluster, as in `status_report`; none if there was none.
    """

    run: RunRecord
    counts: Counts
    drops: Mapping[str, int]
    skipped: Mapping[str, int]
    failed: Sequence[tuple[str, str, str]]
    failed_writes: Sequence[tuple[str, str]]
    batches: Sequence[tuple[datetime, int, float, float]]
    distances: Mapping[Outcome, NDArray[np.float32]]
    doubtful: Sequence[StoredFace] | None
    backend: str
    alike: Sequence[Alike] = ()
    wrong: str = ""
    workers: Sequence[Mapping[str, Any]] = ()

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of this run; faces of earlier runs may have been decided with others."""
        matching = self.run.settings["matching"]
        return Thresholds(matching["strict"], matching["loose"], matching["margin"])

    @property
    def drop_rate(self) -> DropRate:
        """The drop rate of all decided photos."""
        return DropRate.of(self.counts)

    @property
    def analysed(self) -> int:
        """Photos that this run processed."""
        return sum(photos for _, photos, _, _ in self.batches)

    @property
    def batch_edges(self) -> list[float]:
        """0, then the end of each batch, in seconds since the start of the run."""
        return [0.0, *((end - self.run.started_at).total_seconds() for end, *_ in self.batches)]

    @property
    def images_per_second(self) -> float | None:
        """Measured from the start of the run to the end of its last batch; None if no photo was analysed."""
        end = self.batch_edges[-1]
        return self.analysed / end if self.analysed and end > 0 else None

    @property
    def waiting_share(self) -> float:
        """Share of the batches' time that was spent waiting for the workers, in [0, 1]."""
        waited = sum(batch[2] for batch in self.batches)
        everything = waited + sum(batch[3] for batch in self.batches)
        return waited / everything if everything > 0 else 0.0

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``: plain values, no embeddings, no pictures."""
        run, drop = self.run, self.drop_rate
        return status_report(run.state, self.counts, self.images_per_second) | {
            "run": {
                "run_id": run.run_id,
                "started_at": run.started_at.isoformat(timespec="seconds") + "+00:00",
                "finished_at": run.finished_at
                and run.finished_at.isoformat(timespec="seconds") + "+00:00",
                "version": run.version,
                "photos": self.analysed,
            },
            "pack": {"name": run.pack_name, "pack_id": run.pack_id},
            "thresholds": {
                "strict": self.thresholds.strict,
                "loose": self.thresholds.loose,
                "margin": self.thresholds.margin,
            },
            "drops": {
                "photos": drop.dropped,
                "of": drop.decided,
                "rate": drop.rate,
                "interval_95": drop.interval,
                "reasons": dict(self.drops),
            },
            "skipped": dict(self.skipped),
            "shifted": run.shifted,
            "failed_writes": len(self.failed_writes),
            "groups": dict(run.groups),
            "alike": [asdict(pair) for pair in self.alike],
            "wrong": self.wrong,
            "backend": self.backend,
            "workers": list(self.workers),
            "settings": run.settings,
        }

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        return Summary(self.summary(), self._sentence())._repr_mimebundle_(**options)

    def _sentence(self) -> str:
        speed = self.images_per_second
        if speed is None:
            matched = ", stored faces were matched again" if self.batches else ""
            done = f"there was nothing left to sort{matched}"
        else:
            done = f"{self.analysed:,} photos in {duration(self.batch_edges[-1])}, {speed:.2f} images per second"
        return f"Run {self.run.run_id} {self.run.state}: {done}. It ran on {self.backend}."


def read_report(
    workspace: Workspace, pack: ModelPack, run_id: int, *, contact_sheet: int
) -> SortReport:
    """Read everything that the notebook shows, opening the database once.

    Parameters
    ----------
    pack : ModelPack
        The pack of the run.
    contact_sheet : int
        How many doubtful faces to load with their pictures.
    """
    progress = read_progress(workspace.state) or {}
    with workspace.open_store(read_only=True) as store, reports.evaluated_once(store):
        run = reports.run_record(store, run_id)
        return SortReport(
            run=run,
            counts=reports.counts(store),
            drops=reports.drop_reasons(store),
            skipped=reports.skipped_reasons(store),
            failed=reports.failed_photos(store),
            failed_writes=reports.failed_writes(store),
            batches=reports.throughput(store, run_id),
            distances=reports.distances_by_outcome(store),
            doubtful=(
                shown.doubtful_faces(
                    store, loose=run.settings["matching"]["loose"], limit=contact_sheet
                )
                if contact_sheet
                else None
            ),
            backend=describe_backend(pack, run.settings["run"]["backend"]),
            alike=find_alike(workspace, pack, store),
            wrong=wrong_files_remark(len(listed(workspace, store)), workspace.corrections),
            workers=progress.get("workers", ()),
        )
