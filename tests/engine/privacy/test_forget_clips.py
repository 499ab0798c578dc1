"""Nothing of somebody who is forgotten stays of the clips that they are in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from filmed_event import filmed_workspace
from private_event import seen
from synthetic_event import sort_in_threads

from facesort.engine.privacy.forget import drop_unknown, forget
from facesort.store import Store
from facesort.store.queries import reports
from facesort.workspace import Workspace


def traces(store: Store, person: str | None) -> list[bytes]:
    """What to look for of a person's tracks: where they were seen, and half of each picture."""
    whose = (
        "FROM face_state s LEFT JOIN person p USING (person_id) WHERE p.name IS NOT DISTINCT FROM ?"
    )
    boxes = store.rows(
        f"SELECT boxes FROM track WHERE face_id IN (SELECT face_id {whose})", [person]
    )
    strip = store.rows(
        f"SELECT jpeg FROM strip WHERE face_id IN (SELECT face_id {whose})", [person]
    )
    halves = [bytes(jpeg)[len(jpeg) // 2 :] for (jpeg,) in strip]
    return [bytes(row[0]) for row in boxes] + halves


def of_everybody(workspace: Workspace) -> dict[str | None, list[bytes]]:
    """The same of each of them; what several have in common is nobody's."""
    with workspace.open_store(read_only=True) as store:
        found = {name: traces(store, name) for name in ("Person 1", "Person 2", None)}
    often = Counter(one for some in found.values() for one in set(some))
    return {name: [one for one in some if often[one] == 1] for name, some in found.items()}


def test_no_track_and_no_frame_of_a_forgotten_person_is_left(tmp_path: Path) -> None:
    workspace, pack = filmed_workspace(tmp_path)
    sort_in_threads(workspace, pack)
    wanted = of_everybody(workspace)
    assert all(seen(workspace.root, some) == len(some) > 3 for some in wanted.values())
    parts = workspace.clips / ("c" * 64)
    parts.mkdir(parents=True)
    (parts / "000000.npz").write_bytes(wanted["Person 1"][0])

    done = forget(workspace, "Person 1")

    left = {name: seen(workspace.root, some) for name, some in wanted.items()}
    assert left == {"Person 1": 0, "Person 2": len(wanted["Person 2"]), None: len(wanted[None])}
    assert (done.rows["track"], done.rows["clip"]) == (3, 0)
    assert not workspace.clips.exists()
    assert {file.split("_")[0] for file in done.traces.delivered} >= {
        "Person 1/C0001",
        "Person 1/C0002",
    }
    with workspace.open_store(read_only=True) as store:
        assert reports.counts(store).clips == {
            "total": 4, "matched": 1, "unknown": 2, "no_face": 1, "failed": 0, "awaits_review": 0, "tracks": 3,
        }  # fmt: skip

    assert drop_unknown(workspace) == 2
    assert seen(workspace.root, wanted[None]) == 2, "where and when a stranger was seen stays"
    forget(workspace, None)
    assert seen(workspace.root, wanted[None]) == 0
