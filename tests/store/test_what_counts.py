"""What counts is defined once; its rules are tested where they are asked: sort, re-match, review, audit, export."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from review_event import InMemory, seed, sort

from facesort.engine.review.answers import answer_faces
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.queries.tables import table
from facesort.store.what_counts import Proposal, Standing, standings


def proposal(photo_id: int, face_id: int, person_id: int | None) -> Proposal:
    """Of a photo that is alone in its shot."""
    outcome = Outcome.UNKNOWN if person_id is None else Outcome.LOOSE
    return Proposal(photo_id, face_id, person_id, outcome, photo_id)


HOME = "store/what_counts.sql"

# What a second definition could not do without, and who may have it besides, for another reason.
TELLTALE = {
    "the newest decision of a face": (r"(?i)order by (\w+\.)?round\b|max\((\w+\.)?round\)", set()),
    "who stands for a merged person": (r"(?i)coalesce\(\w*\.?merged_into", set()),
    "a yes beats the decision, a no takes it away": (
        r"'confirmed_by_user' WHEN|THEN 'confirmed_by_user'|bool_or\(\w*\.?answer",
        set(),
    ),
    "a withheld person": (
        r"(NOT|WHERE|AND|not) (\w+\.)+deliver\b|(NOT|WHERE|AND) deliver\b",
        {
            "engine/calibration/forecast.py",  # thresholds that nothing is stored under; a test compares the two
            "store/queries/tables.py",  # likewise
            "store/queries/audit/dropped.py",  # lists these persons
            "engine/collections/import_gallery.py",  # of persons, not of photos
        },
    ),
    "why a photo reaches no folder": (
        r"(THEN|ELSE|'reason':) '(only_unknown_faces|do_not_deliver|awaits_review)'"
        r"|= ?Reason\.(ONLY_UNKNOWN_FACES|DO_NOT_DELIVER|AWAITS_REVIEW)",
        {"store/queries/delivery/corrections.py"},  # a reason of a file, not of a photo
    ),
    "a LOOSE face of a clip awaits a yes": (
        r"= 'loose' AND is_track|is Outcome.LOOSE and .*(clip|track)",
        {"core/delivery/posters.py"},  # of decisions that are not stored yet
    ),
    "the newest result of a photo": (
        r"(?i)max\((\w+\.)?batch_id\)|arg_max\(\w+\.status",
        {
            "store/job/rematches.py",  # the newest batch of all
            "store/queries/audit/dropped.py",  # what the batches had said when each run ended
            "store/queries/review/unknown.py",  # whether there was any batch since
        },
    ),
}


@pytest.mark.parametrize("what", TELLTALE)
def test_what_counts_is_defined_once(checkout: Path, what: str) -> None:
    pattern, others = TELLTALE[what]
    package = checkout / "facesort"
    sources = [
        path
        for path in package.rglob("*")
        if path.suffix in {".py", ".sql"} and path.parent.name != "migrations"
    ]
    found = {
        path.relative_to(package).as_posix()
        for path in sources
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }
    assert HOME in found, "the pattern finds the definition itself"
    assert found - {HOME} <= others, "ask store/what_counts.sql instead of deciding it again"


def test_standings_of_faces_that_are_not_stored_yet() -> None:
    unknown = (PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES)
    with Store.open(None) as store:
        store.execute(
            "INSERT INTO person VALUES (1, 'A', 'a', 'a', true), (2, 'B', 'b', 'b', false), (3, 'C', 'c', 'c', true)"
        )
        faces = [
            proposal(1, -9, 3),
            proposal(1, -8, None),
            proposal(1, -7, 1),
            proposal(2, -6, None),
            proposal(3, -5, 2),
            proposal(3, -4, 1),
            proposal(4, -3, 9),
        ]
        assert standings(store, [], unknown_folder=True) == {}
        found = standings(store, faces, unknown_folder=True)
        assert found == {
            1: Standing(PhotoStatus.MATCHED, None, ((3, "c"), (1, "a"))),
            2: Standing(*unknown, ((None, "_unknown"),)),
            3: Standing(PhotoStatus.UNKNOWN, Reason.DO_NOT_DELIVER, ()),
            4: Standing(
                PhotoStatus.MATCHED, None, ()
            ),  # of a person who was removed: nobody has a folder
        }
        assert standings(store, faces, unknown_folder=False)[2] == Standing(*unknown, ())


def test_an_answer_counts_before_the_decision_is_stored() -> None:
    with Store.open(None) as store:
        store.execute(
            "INSERT INTO person VALUES (1, 'A', 'a', 'a', true), (2, 'B', 'b', 'b', true)"
        )
        store.execute("INSERT INTO answer VALUES (7, 2, 'yes'), (8, 1, 'no'), (9, 1, 'unsure')")
        faces = [proposal(1, 7, 1), proposal(2, 8, 1), proposal(3, 9, 1)]
        found = standings(store, faces, unknown_folder=False)
        assert {key: s.targets for key, s in found.items()} == {
            1: ((2, "b"),),
            2: (),
            3: ((1, "a"),),
        }


def test_a_person_is_named_once_in_a_photo_that_shows_them_twice() -> None:
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        faces = sort(job, [[(0, 0.1), (5, 0.0)]])
        answer_faces(job, dict.fromkeys(faces, "Ada"), "yes")
        assert table(store, "photos").select("faces, persons").fetchall() == [(2, ["Ada"])]
