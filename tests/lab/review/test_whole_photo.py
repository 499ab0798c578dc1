"""The whole photo of a face: from a copy in the output, else from its source, else a sentence."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from review_messages import photo_of, send
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.lab import review
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet


@pytest.fixture
def session(tmp_path: Path) -> ReviewSession:
    """One photo of Person 1 with a stranger, one of two strangers."""
    write_photo(tmp_path / "src" / "<b>a.png", [1, 7], variation=60)
    write_photo(tmp_path / "src" / "b.png", [8, 9], variation=61)
    sort_in_threads(*make_workspace(tmp_path, tmp_path / "src"))
    return review.open_review(tmp_path / "hot")


def opened(sheet: FaceSheet, face_id: int) -> tuple[dict[str, Any], bytes]:
    """What the browser gets for Enter."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    sheet.send = lambda content, buffers: sent.append((content, buffers))  # type: ignore[method-assign]
    send(sheet, {"action": "photo", "ids": [face_id]})
    ((about, buffers),) = sent
    return about, b"".join(buffers)


def test_all_faces_of_the_photo_are_framed_and_named(session: ReviewSession) -> None:
    panel = PersonPanel(session)
    (face_id,) = (tile["id"] for tile in panel.sheet.tiles)
    about, jpeg = opened(panel.sheet, face_id)
    (copy,) = (session.workspace.settings.output / "Person 1").iterdir()
    assert jpeg == copy.read_bytes(), "as it was delivered"
    assert (about["photo"], about["title"], about["note"]) == (face_id, "<b>a.png", "")
    named = {face["name"]: face for face in about["faces"]}
    assert [name for name, face in named.items() if face["asked"]] == ["Person 1"]
    assert named.keys() == {"Person 1", "nobody"}
    # Drawn at (20, 60) to (116, 156) of 640 x 240.
    assert named["Person 1"]["frame"] == pytest.approx([20 / 640, 1 / 4, 116 / 640, 0.65], abs=0.02)


def test_a_photo_without_a_copy_comes_from_its_source(session: ReviewSession) -> None:
    rows = "SELECT face_id FROM face JOIN photo_state USING (photo_id) WHERE path = 'b.png'"
    face_id = session.read(lambda store: store.value(rows))
    _, (jpeg,) = photo_of(session, face_id)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.size == (640, 240)


def test_without_its_disk_the_copy_is_shown_or_a_sentence(session: ReviewSession) -> None:
    rows = "SELECT path, min(face_id) FROM face JOIN photo_state USING (photo_id) GROUP BY path"
    faces = dict(session.read(lambda store: store.rows(rows)))
    (source,) = session.workspace.settings.sources.values()
    shutil.move(source, source.with_name("unplugged"))
    assert photo_of(session, faces["<b>a.png"])[1]
    about, jpegs = photo_of(session, faces["b.png"])
    assert jpegs == []
    assert "No copy of this photo is in the output" in about["note"]
    assert "connect the disk of card-1" in about["note"]
    assert len(about["faces"]) == 2


def test_a_copy_that_somebody_changed_is_not_shown(session: ReviewSession) -> None:
    (copy,) = (session.workspace.settings.output / "Person 1").iterdir()
    copy.write_bytes(b"another picture")
    (face_id,) = (tile["id"] for tile in PersonPanel(session).sheet.tiles)
    _, (jpeg,) = photo_of(session, face_id)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.size == (640, 240)


def test_a_reference_has_no_photo_and_a_group_opens_itself(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    about, jpeg = opened(panel.sheet, -1)
    assert (about["note"], jpeg) == (
        "There is no photo of it: it is a reference, or was erased.",
        b"",
    )
    assert (panel.sheet.photos, panel.groups.photos) == (True, False)
