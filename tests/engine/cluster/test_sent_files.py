"""Workers that do not see the source are sent the photos, and find the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from clusters import cluster, kill
from synthetic_event import make_event
from torture.campaign import Ledger
from torture.event import Calm, copy_of

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Partner, Task
from facesort.engine.cluster.executor import ClusterExecutor
from facesort.engine.cluster.sent_files import files_of, size_of, unpacked
from facesort.engine.job.progress import read_progress
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import open_with_pack
from facesort.faces.packs.files import synthetic_pack
from facesort.settings import PhotoSettings, RunSettings

pytestmark = pytest.mark.timeout(300)


def make_odd_event(root: Path, photos: int) -> None:
    """Copies, broken files, an empty one, and one that is too large to be read."""
    make_event(root, photos)
    (root / "card-0" / "empty.JPG").touch()
    (root / "card-0" / "large.JPG").write_bytes(bytes(300_000))


def test_a_machine_without_the_source_finds_the_same_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    calm = Calm.of(tmp_path / "calm", 12, make_odd_event, max_file_mb=0.2)
    with cluster(tmp_path, calm.prepared / "source") as machines:
        worker = machines.add(blind=True)
        root = copy_of(
            calm.prepared, tmp_path, run=RunSettings(cluster=machines.address, send_files=True)
        )
        run_sort(*open_with_pack(root))
        done = read_progress(root / "state") or {}
        [member] = done["workers"]
        analysed = done["photos"]["total"] - done["photos"]["duplicate"]
        assert member["photos"] == analysed >= 12
        calm.check(root, Ledger())
        [folder] = temporary.glob("facesort-sent-*")
        assert [path.name for path in folder.iterdir()] == ["in-use.lock"]
        (folder / "photo.jpg").write_bytes(b"it was killed while it looked at this")
        kill(worker.pid)
        again = machines.add(blind=True)
        assert again.stdout is not None
        assert again.stdout.readline().startswith("joined ")
        assert not folder.exists()


def test_nothing_is_sent_that_was_not_asked_for(tmp_path: Path) -> None:
    analyser = Analyser({"card-1": tmp_path}, synthetic_pack(), PhotoSettings())
    with cluster(tmp_path, tmp_path / "nowhere") as machines:
        machines.add(blind=True)
        with ClusterExecutor(machines.address, None, analyser, []) as executor:
            while not (refused := [m.refused for m in executor.members() if m.refused]):
                time.sleep(0.05)
    assert refused == [
        "it has no source: give it with --source, or sort with --send-files, which sends it the photos"
    ]


def test_a_call_takes_along_what_it_reads(tmp_path: Path) -> None:
    for name, size in (("a.jpg", 3), ("b.jpg", 2_000_001), ("c.jpg", 0)):
        (tmp_path / name).write_bytes(bytes(size))
    analyser = Analyser({"card-1": tmp_path}, synthetic_pack(), PhotoSettings(max_file_mb=2))
    refs = [PhotoRef(n, f"{name}.jpg", source="card-1") for n, name in enumerate("abcd")]
    task = Task(refs[0], partners=tuple(map(Partner, refs[1:])))

    files = files_of(analyser, (task,))

    names = {name: content for (_, name), content in files.items()}
    assert names == {"a.jpg": bytes(3), "b.jpg": 2_000_001, "c.jpg": 0}
    assert size_of(analyser, (task,)) == 3
    with unpacked(files, ["card-1"], tmp_path) as roots:
        assert not files  # what is on the disk need not be in memory too
        sizes = {path.name: path.stat().st_size for path in roots["card-1"].iterdir()}
        assert sizes == {"a.jpg": 3, "b.jpg": 2_000_001, "c.jpg": 0}
    assert not roots["card-1"].exists()
