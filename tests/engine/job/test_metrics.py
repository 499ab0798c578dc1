"""The textfile for node-exporter: what Prometheus' own parser reads in it, and what is never in it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.job.metrics import write_metrics
from facesort.engine.job.progress import Progress, current_status
from facesort.errors import OutputError
from facesort.store.queries.reports import counts
from facesort.workspace import Workspace

# Of `promtool check metrics`, as far as its rules are about names.
ABBREVIATED = re.compile(r"(^|_)(ms|msec|millis|sec|s|min|h|hours|kb|mb|kib|percent|pct)(_|$)")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "src" / "a.jpg", [1, 2], variation=40)
    write_photo(root / "src" / "b.jpg", [500])
    (root / "src" / "c.jpg").write_bytes(b"not a photo")
    (root / "src" / "d.jpg").write_bytes(b"")
    workspace, pack = make_workspace(root, root / "src")
    sort_in_threads(workspace, pack)
    return workspace


def samples(path: Path) -> dict[tuple[str, str], float]:
    """Each value by its metric and label."""
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))
        for sample in family.samples
    }


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


def test_status_writes_what_it_says(workspace: Workspace, tmp_path: Path) -> None:
    done = run("status", "-w", workspace.root, "--prometheus", tmp_path / "facesort.prom")

    assert done.exit_code == 0
    assert "2 failed" in done.stdout
    found = samples(tmp_path / "facesort.prom")
    expected = {
        ("facesort_photos", "matched"): 1, ("facesort_photos", "unknown"): 1, ("facesort_photos", "failed"): 2,
        ("facesort_photos", "pending"): 0, ("facesort_output_files", ""): 2, ("facesort_sort_running", ""): 0,
        ("facesort_failed_photos", "not_an_image"): 1, ("facesort_failed_photos", "empty_file"): 1,
        ("facesort_batches", "pending"): 0,
    }  # fmt: skip
    assert found.items() >= expected.items()
    assert ("facesort_photos", "total") not in found, "it would be added to its own parts"
    batches = {state: n for (name, state), n in found.items() if name == "facesort_batches"}
    assert batches["committed"] > 0
    for stage in ("analysis", "wait", "own"):
        assert found["facesort_stage_seconds_total", stage] > 0
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "facesort.prom").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["facesort.prom"]


def test_names_are_as_promtool_wants_them(workspace: Workspace, tmp_path: Path) -> None:
    write_metrics(tmp_path / "m.prom", current_status(workspace))

    text = (tmp_path / "m.prom").read_text(encoding="utf-8")
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) > 10
    for family in families:
        assert family.documentation.endswith(".")
        assert re.fullmatch("facesort_[a-z_]+", family.name)
        assert not ABBREVIATED.search(family.name), family.name
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
    assert text.endswith("\n")
    assert text.count("# HELP") == text.count("# TYPE") == len(families)


def test_nobody_is_named(workspace: Workspace, tmp_path: Path) -> None:
    write_metrics(tmp_path / "m.prom", current_status(workspace))

    text = (tmp_path / "m.prom").read_text(encoding="utf-8")
    for name in ("Person", "card-1", ".jpg", str(workspace.root)):
        assert name not in text


def test_while_a_sort_runs(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.open_store() as store:  # locked, as by a sort
        progress = Progress(workspace.state, counts(store), run_id=2)
        progress.batch_timed(analysis=100.0, wait=10.0, own=1.0)
        progress.write("running")
        write_metrics(tmp_path / "m.prom", current_status(workspace))
        progress.write("finished")

    found = samples(tmp_path / "m.prom")
    assert found["facesort_sort_running", ""] == 1
    assert found["facesort_stage_seconds_total", "analysis"] > 100
    assert found["facesort_failed_photos", "empty_file"] == 1


def test_a_label_cannot_break_out(tmp_path: Path, workspace: Workspace) -> None:
    evil = 'x"} 1\nfacesort_photos{status="matched\\'
    write_metrics(tmp_path / "m.prom", current_status(workspace) | {"skipped": {evil: 3}})

    assert samples(tmp_path / "m.prom")["facesort_skipped_files", evil] == 3


def test_watching_writes_it_again_and_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.prom"
    status = current_status(workspace)
    eta: Iterator[dict[str, Any]] = iter(
        [status | {"state": "running", "eta_seconds": left} for left in (30, 20)] + [status]
    )
    seen = []

    def next_status(_: object) -> dict[str, Any]:
        if path.exists():
            seen.append(samples(path)["facesort_sort_left_seconds", ""])
        return next(eta)

    monkeypatch.setattr("facesort.engine.job.progress.current_status", next_status)
    monkeypatch.setattr("facesort.cli.job.time.sleep", lambda _: None)
    done = run("status", "-w", workspace.root, "--watch", "--prometheus", path)

    assert done.exit_code == 0
    assert seen == [30, 20]
    assert samples(path)["facesort_sort_running", ""] == 0


@pytest.mark.parametrize("kind", ["no folder", "folder", "link"])
def test_what_is_not_its_own_is_left_alone(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("away/m.prom" if kind == "no folder" else "m.prom")
    (tmp_path / "mine").write_text("mine")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "mine")

    with pytest.raises(OutputError, match=r"m\.prom cannot be written"):
        write_metrics(path, current_status(workspace))

    assert (tmp_path / "mine").read_text() == "mine"


def test_objects_and_derivatives_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.open_store() as store, store.transaction():
        store.execute("INSERT INTO destination VALUES (1, '', 'bucket', '', NULL, 'a mark')")
        for key, (state, reason) in enumerate(
            (("sent", None), ("sent", None), ("dead", "name_taken"))
        ):
            store.execute(
                "INSERT INTO published VALUES (?, 1, NULL, NULL, ?, 'aa', 5, ?, ?, 1, NULL, NULL, now()::TIMESTAMP)",
                [key, f"Person 1/{key}.jpg", state, reason],
            )
        store.execute("INSERT INTO derivative VALUES ('aa', 'webp', 256, 85, 256, 96, 99, 'bb')")
    write_metrics(tmp_path / "m.prom", current_status(workspace))

    expected = {
        ("facesort_published_objects", "sent"): 2, ("facesort_published_objects", "dead"): 1,
        ("facesort_dead_objects", "name_taken"): 1, ("facesort_derivatives", "webp"): 1,
    }  # fmt: skip
    assert samples(tmp_path / "m.prom").items() >= expected.items()
