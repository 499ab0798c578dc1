"""Runs the demo: builds a sample event, seeds it, sorts it through papermill, and scores the result."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesort.demo.event import (
    DemoEvent,
    DemoScore,
    build_demo_event,
    load_demo_event,
    remove_demo_event,
    score_demo,
)
from facesort.engine.gallery.person_folders import person_folders
from facesort.engine.gallery.seed import seed
from facesort.engine.setup import open_with_pack, set_up
from facesort.errors import GalleryError
from facesort.files import publish
from facesort.lab.run.launch import launch
from facesort.settings import save_settings
from facesort.store.queries import reports
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The result of the demo, and where to find it."""

    score: DemoScore
    output: Path
    notebook: Path

    def report(self) -> str:
        """What the command prints."""
        score = self.score
        return "\n".join(
            [
                f"precision {score.precision:.3f}, recall {score.recall:.3f} "
                f"({score.true_positives} right, {score.false_positives} wrong, {score.false_negatives} missed)",
                "(all six people come from one picture: this shows that sorting works, not how well it does on yours)",
                f"sorted folders  {self.output}",
                f"run notebook    {self.notebook}",
            ]
        )


def run_demo(
    folder: Path, pack: str | None, roots: Sequence[Path], *, say: Callable[[str], object]
) -> DemoResult:
    """Build, seed, sort and score; continues an interrupted demo.

    Parameters
    ----------
    folder : Path
        Absolute; created if missing.
    pack : str or None
        Model pack; None: an installed InsightFace pack, or else dlib.
    roots : sequence of Path
        Where to look for packs.
    say : callable of str
        Called with each line of progress.
    """
    event = _event(folder / "event")
    say(f"sample event: {len(event.truth)} files with six people in {event.source}")
    workspace = _workspace(folder, event, pack, roots, say)
    asked = {"workspace": str(workspace.root), "contact_sheet": 24}
    notebook = launch("03_sort", asked, runs=folder / "runs", job="demo")
    with workspace.open_store(read_only=True) as store:
        placed = reports.photo_folders(store)
    return DemoResult(score_demo(event, placed), workspace.settings.output, notebook)


def _event(folder: Path) -> DemoEvent:
    """Load the sample event; build it first if it is missing, and rename it when it is complete."""
    if not os.path.lexists(folder):
        partial = folder.with_name(f"{folder.name}.partial")
        remove_demo_event(partial)  # left by an interrupted demo
        build_demo_event(partial)
        publish(partial, folder)
    return load_demo_event(folder)


def _workspace(
    folder: Path,
    event: DemoEvent,
    pack: str | None,
    roots: Sequence[Path],
    say: Callable[[str], object],
) -> Workspace:
    """Open or create the demo's workspace, and seed whoever is missing."""
    root = folder / "hot_storage"
    if not (root / "facesort.toml").exists():
        made, _ = set_up(root, [event.source], folder / "sorted", pack, roots)
        # One of the six looks aside: yaw 1.04 with InsightFace's landmarks, where references may have 1.0.
        seeding = made.settings.seed.model_copy(update={"max_yaw": 1.2})
        save_settings(made.settings.model_copy(update={"seed": seeding}), root / "facesort.toml")
    workspace, chosen = open_with_pack(root)
    say(f"model pack: {chosen.name} ({chosen.licence})")
    with workspace.open_store(read_only=True) as store:
        known = {s.person.name for s in person_summaries(store) if s.references}
    missing = [c for c in person_folders(event.seeds).candidates if c.name not in known]
    for report in seed(workspace, chosen, missing):
        if report.refused is not None:
            raise GalleryError(
                f"the demo's own reference of {report.candidate.name} was refused: {report.refused}"
            )
        say(f"seeded {report.candidate.name}")
    return workspace
