"""Several sources in an audit and in a status: what is gone, replaced or linked, and where each file is."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner
from store_rows import MATCHED, NO_FACE, add, add_people, photo, record, result
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.counted import status_report
from facesort.lab import audit
from facesort.lab.audit.tables import Sections
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.tables import Table
from facesort.reasons import PhotoStatus, Reason
from facesort.settings import save_settings
from facesort.store import Store
from facesort.store.queries import reports
from facesort.store.queries.audit import dropped as rows
from facesort.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two cards of which one photo was deleted and one replaced after the first sort; a link leads outside."""
    root = tmp_path_factory.mktemp("cards")
    one, two = root / "one", root / "two"
    for number in range(4):
        write_photo(one / f"DSC{number}.JPG", [1 + number], variation=50 + number)
        write_photo(two / f"DSC{number}.JPG", [1 + number], variation=60 + number)
    write_photo(two / "empty.JPG", [])
    (two / "broken.JPG").write_bytes(b"not a photo")
    opened, pack = make_workspace(root, one)
    sources = {**opened.settings.sources, "card-2": two}
    save_settings(
        opened.settings.model_copy(update={"sources": sources}), opened.root / "facesort.toml"
    )
    opened = open_workspace(opened.root)
    sort_in_threads(opened, pack)
    (two / "DSC0.JPG").unlink()
    write_photo(one / "DSC1.JPG", [2, 3], variation=99)
    os.symlink(root / "elsewhere.JPG", one / "link.JPG")
    sort_in_threads(opened, pack)
    return opened


def test_the_status_counts_what_is_there_and_says_what_is_not(workspace: Workspace) -> None:
    done = CliRunner().invoke(cli, ["status", "--json", "-w", str(workspace.root)])
    text = CliRunner().invoke(cli, ["status", "-w", str(workspace.root)])

    assert (done.exit_code, text.exit_code) == (0, 0)
    told = json.loads(done.stdout)
    photos = told["photos"]
    assert photos["total"] == sum(n for name, n in photos.items() if name != "total") == 9
    assert told["absent"] == {"gone": 1, "replaced": 1}
    assert told["same_shot"] == 0
    assert told["sources"] == {
        "card-1": {"files": 4, "pending": 0},
        "card-2": {"files": 5, "pending": 0},
    }
    assert "1 photo is gone from the sources, 1 was replaced: they are in no sum\n" in text.stdout
    assert "1 left out as symbolic_link: a link that leads outside" in text.stdout
    assert "5 files  of source card-2, 0 pending" in text.stdout


def test_each_source_has_a_row(workspace: Workspace) -> None:
    report = audit.open_audit(workspace.root, "nowhere")

    assert [row[:6] for row in report.sources] == [("card-1", 4, 4, 0, 0, 1), ("card-2", 5, 5, 0, 1, 0)]  # fmt: skip
    assert report.summary()["absent"] == {"gone": 1, "replaced": 1}
    assert report.summary()["sources"]["card-2"] == {
        "files": 5, "photos": 5, "pending": 0, "gone": 1, "replaced": 0,
    }  # fmt: skip
    reasons = audit.show_reasons(report)
    assert isinstance(reasons, Table)
    assert "Check: 9 files = " in reasons.note


def test_of_several_sources_the_name_is_shown_before_the_path(workspace: Workspace) -> None:
    report = audit.open_audit(workspace.root, "nowhere", contact_sheet=3)

    assert [path for path, *_ in report.failed] == ["card-2: broken.JPG"]
    assert report.skipped_files == [("card-1: link.JPG", "symbolic_link")]
    assert [(ref.path, ref.shown_name) for ref in report.faceless] == [
        ("empty.JPG", "card-2: empty.JPG")
    ]
    assert all(row[0].startswith(("card-1: ", "card-2: ")) for row in report.slowest)
    places = audit.show_places(report)
    assert isinstance(places, Sections)
    assert "By source" in [heading for heading, _ in places.parts]
    assert "card-2: (top folder)" in repr(places)


def test_of_one_source_the_path_says_enough() -> None:
    with Store.open(None) as store:
        add(store, [photo(1, "a/1.jpg")])
        record(store, 1, [result(1, PhotoStatus.FAILED, Reason.CORRUPT)])
        assert reports.failed_photos(store)[0][0] == "a/1.jpg"
        add(store, [photo(2, "a/1.jpg", source="card-2")])
        assert reports.failed_photos(store)[0][0] == "card-1: a/1.jpg"


def test_a_linked_file_of_a_shot_is_no_drop() -> None:
    with Store.open(None) as store:
        add_people(store)
        add(store, [photo(number) for number in range(1, 5)])
        raw = replace(result(3, PhotoStatus.DUPLICATE, Reason.SAME_SHOT), decided_as=1)
        store_results = [result(1, *MATCHED), result(2, *NO_FACE), raw]
        copy = result(4, PhotoStatus.DUPLICATE, Reason.DUPLICATE, sha256="sha-2", known_as=2)
        record(store, 1, [*store_results, copy])
        counts = reports.counts(store)
        (everything,) = rows.drops(store, "all", 1)
        reasons = reports.drop_reasons(store)
        persons = rows.drops_by_person(store, rows.coverage(store, 0.5))

    assert (counts.total, counts.same_shot) == (4, 1)
    assert counts.photos[PhotoStatus.DUPLICATE] == 2
    assert DropRate.of(counts) == DropRate(2, 3) == DropRate(everything[2], everything[1])
    assert reasons == {"no_face": 1, "duplicate": 1}
    assert sum(row[2] for row in persons) == 2
    assert status_report("idle", counts)["same_shot"] == 1
