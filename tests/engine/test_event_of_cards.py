"""An event of three cards and two cameras, sorted again and again while its cards come, move and change."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from event_of_cards import PERSONS, Event, make_portraits
from synthetic_event import sort_in_threads, tree

from facesort.cli import cli
from facesort.core.moments.offsets import parse_offset
from facesort.core.records import Face
from facesort.engine.analysis import analyse
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.progress import current_status
from facesort.engine.setup import set_up
from facesort.engine.sources.changes import add_source
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.lab import audit
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import Sections
from facesort.lab.shared.tables import Table
from facesort.pixels import Pyramid
from facesort.settings import load_settings
from facesort.workspace import Workspace, open_workspace

_CARDS = {"card-1": "SONY_A", "card-2": "CANON", "evening": "SONY_B"}


@dataclass
class Job:
    """A workspace of two cards; the third card is there, but not added."""

    event: Event
    media: Path
    hot: Path
    pack: ModelPack
    analysed: list[int]

    @property
    def workspace(self) -> Workspace:
        return open_workspace(self.hot)

    def sort(self) -> tuple[dict[str, int], int]:
        """Counts afterwards, and how many photos were analysed."""
        before = len(self.analysed)
        sort_in_threads(self.workspace, self.pack)
        return current_status(self.workspace)["photos"], len(self.analysed) - before

    def delivered(self) -> dict[str, str]:
        return tree(self.media.parent / "sorted")

    def audit(self) -> AuditReport:
        return audit.open_audit(self.hot, self.media.parent / "runs")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    event = Event.take(tmp_path / "media")
    make_portraits(tmp_path / "portraits")
    cards = [tmp_path / "media" / _CARDS[name] for name in ("card-1", "card-2")]
    workspace, pack = set_up(tmp_path / "hot", cards, tmp_path / "sorted", "synthetic", [])
    people = [Candidate(name, tmp_path / "portraits" / name / "portrait.png") for name in PERSONS]
    assert not any(r.refused for r in seed(workspace, pack, people, ThreadPoolExecutor(1)))
    analysed: list[int] = []
    find_faces = analyse.find_faces

    def counted(engine: FaceEngine, image: Pyramid, **how: Any) -> tuple[Face, ...]:
        analysed.append(hash(image.pixels.tobytes()))
        return find_faces(engine, image, **how)

    monkeypatch.setattr(analyse, "find_faces", counted)
    return Job(event, tmp_path / "media", workspace.root, pack, analysed)


def section(report: AuditReport, heading: str) -> dict[str, dict[str, object]]:
    """Rows of a table about the sources, by source."""
    shown = audit.show_sources(report)
    assert isinstance(shown, Sections)
    found = dict(shown.parts)[heading]
    assert isinstance(found, Table)
    return {str(row[0]): dict(zip(found.columns, row, strict=True)) for row in found.rows}


def test_cards_are_added_moved_renamed_and_exchanged(job: Job) -> None:
    event, media = job.event, job.media
    first, second, third = event.first, event.second, event.third
    counts, analysed = job.sort()
    shots, pairs = first.shots + third.shots, first.pairs + third.pairs
    assert counts["total"] == shots + pairs + 1 == sum(counts.values()) - counts["total"]
    assert (counts["duplicate"], counts["failed"], counts["pending"]) == (pairs, 1, 0)
    assert analysed == shots
    status = current_status(job.workspace)
    assert status["skipped"]["symbolic_link"] == 1
    assert status["same_shot"] == pairs

    # A card comes later, one is mounted elsewhere, and all files of another get new names.
    assert add_source(job.workspace, media / "SONY_B", "evening").was_at is None
    (media.parent / "usb").mkdir()
    (media / "SONY_A").rename(media.parent / "usb" / "NO NAME")
    assert add_source(job.workspace, media.parent / "usb" / "NO NAME").name == "card-1"
    for path in sorted(third.folder.iterdir()):
        path.rename(path.with_name(path.name.replace("IMG_", "wedding-")))
    counts, analysed = job.sort()
    assert analysed == second.shots
    shots, pairs = shots + second.shots, pairs + second.pairs
    assert counts["total"] == shots + pairs + 2
    assert (counts["duplicate"], counts["failed"], counts["pending"]) == (pairs + 1, 1, 0)
    total = shots + 2 - counts["matched"], shots + 2  # with the copy and the broken file
    rates = job.audit().drops_by_run
    assert [(rate.dropped, rate.decided) for rate in rates.values()][-1] == total

    delivered = job.delivered()
    folders = Counter((path.split("/")[0], digest) for path, digest in delivered.items())
    assert set(folders.values()) == {1}

    # Two cards change places: nothing is new, and each keeps its name.
    (media / "SONY_B").rename(media / "x")
    (media / "CANON").rename(media / "SONY_B")
    (media / "x").rename(media / "CANON")
    assert job.sort() == (counts, 0)
    places = load_settings(job.hot / "facesort.toml").sources
    assert [places[name].name for name in _CARDS] == ["NO NAME", "SONY_B", "CANON"]
    assert job.delivered() == delivered

    # The broken file is deleted: it is no error that stays.
    (media.parent / "usb" / "NO NAME" / "DCIM" / "100MSDCF" / "DSC00099.JPG").unlink()
    counts, analysed = job.sort()
    assert (counts["total"], counts["failed"], analysed) == (shots + pairs + 1, 0, 0)
    files = section(job.audit(), "Files")
    assert {name: row["Files"] for name, row in files.items()} == {
        "card-1": first.shots + first.pairs,
        "card-2": third.shots + third.pairs,
        "evening": second.shots + second.pairs + 1,
    }
    clocks = section(job.audit(), "Clocks")
    assert clocks["card-2"]["Should be"] == "as it is"
    for sony in ("card-1", "evening"):  # the camera with most photos is the reference
        suggested = parse_offset(str(clocks[sony]["Should be"]))
        assert suggested == pytest.approx(63 * 60, abs=10)
    assert (
        CliRunner()
        .invoke(cli, ["source", "clock", "card-2", "-1h3m", "-w", str(job.hot)])
        .exit_code
        == 0
    )
    assert section(job.audit(), "Clocks")["card-2"]["Added now"] == "-1h3m"
    files = section(job.audit(), "Files")
    assert files["card-2"]["First taken"] == files["card-1"]["First taken"]  # to the minute

    assert len(set(job.analysed)) == len(job.analysed)  # nothing was analysed twice
