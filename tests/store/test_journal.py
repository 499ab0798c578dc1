"""Every action is a row with its inverse: any sequence of them, undone, leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from hypothesis import given, settings, strategies as st
from review_event import InMemory, actions, noon, seed, sort
from synthetic_event import content

from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.action import redo, undo
from facesort.engine.review import answers as review
from facesort.errors import GalleryError, StoreError
from facesort.store import Store
from facesort.store.gallery import journal, people
from facesort.store.gallery.journal import recorded
from facesort.store.queries import reports
from facesort.store.queries.gallery import everyone, find_person, person_summaries
from facesort.store.queries.journal import history
from facesort.store.queries.review.answers import confirmed, rejected_pairs

JOURNAL = {
    f"{table}_edit"
    for table in ("person", "former_person", "reference", "learned", "answer", "ignored")
}
NAMES = ("Ada", "Bo", "Cleo", "Dan")

faces = st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True)
name = st.sampled_from(NAMES)
Act = Callable[[InMemory], object]


def acts() -> st.SearchStrategy[Act]:
    """Everything that a user can do, with any arguments; what is not possible is refused."""
    some = st.fixed_dictionaries({"faces": faces, "a": name, "b": name, "n": st.integers(1, 6)})
    verbs: list[Callable[[InMemory, list[int], str, str, int], object]] = [
        lambda job, f, a, b, n: gallery.rename_person(job, a, b),
        lambda job, f, a, b, n: gallery.move_folder(job, a, f"{b} {n}"),
        lambda job, f, a, b, n: gallery.remove_reference(job, n),
        lambda job, f, a, b, n: gallery.choose_picture(job, a, n if n % 2 else None),
        lambda job, f, a, b, n: gallery.merge_persons(job, a, b),
        lambda job, f, a, b, n: gallery.remove_person(job, a),
        lambda job, f, a, b, n: seed(job, a, (n, 0.1), f"{n}.jpg"),
        lambda job, f, a, b, n: review.answer_faces(job, dict.fromkeys(f, a), "yes"),
        lambda job, f, a, b, n: review.answer_faces(job, dict.fromkeys(f, a), "no"),
        lambda job, f, a, b, n: review.answer_faces(job, dict.fromkeys(f, a), "unsure"),
        lambda job, f, a, b, n: review.ignore(job, f),
        lambda job, f, a, b, n: review.name_faces(job, f, a),
        lambda job, f, a, b, n: review.use_as_reference(job, n),
        lambda job, f, a, b, n: review.take_away(job, f, a, b if n % 2 else None),
        lambda job, f, a, b, n: review.unlearn(job, f),
    ]
    return st.tuples(st.sampled_from(verbs), some).map(
        lambda drawn: (
            lambda job: drawn[0](
                job, drawn[1]["faces"], drawn[1]["a"], drawn[1]["b"], drawn[1]["n"]
            )
        )
    )


@pytest.fixture(scope="module")
def opened() -> Iterator[Store]:
    with Store.open(None) as store:
        yield store


def fresh(store: Store) -> InMemory:
    """Ada and Bo, and eight faces of them, of strangers and in between; made once, and kept for the next."""
    names = "SELECT table_name FROM duckdb_tables() WHERE temporary = ? AND table_name <> 'schema_migration'"
    tables, kept = ({name for (name,) in store.rows(names, [kind])} for kind in (False, True))
    job = InMemory(store)
    with store.transaction():
        for table in tables:
            store.execute(f"DELETE FROM main.{table}")
            if f"fresh_{table}" in kept:
                store.execute(f"INSERT INTO main.{table} FROM temp.fresh_{table}")
    if not kept:
        seed(job, "Ada", (0, 0.0))
        seed(job, "Bo", (1, 0.2))
        sort(job, [[(0, 0.1), (1, 0.1)], [(0, 0.4)], [(5, 0.0)]])
        sort(job, [[(0, 0.7)], [(5, 0.4), (1, 0.5)], [(0, 0.9)]])
        for table in tables:
            if store.value(f"SELECT count(*) FROM main.{table}"):
                store.execute(f"CREATE TEMP TABLE fresh_{table} AS FROM main.{table}")
    return job


def data(store: Store) -> dict[str, list[tuple[object, ...]]]:
    return {table: rows for table, rows in content(store).items() if table not in JOURNAL}


def check(store: Store) -> None:
    """Counts add up, and every id is explained."""
    counts = reports.counts(store)
    assert counts.total == store.value("SELECT count(*) FROM photo")
    assert sum(counts.faces.values()) == store.value("SELECT count(*) FROM face")
    known = set(everyone(store))
    assert len(known) == store.value(
        "SELECT (SELECT count(*) FROM person) + (SELECT count(*) FROM former_person)"
    )
    pointed = store.rows(
        "SELECT person_id FROM mentioned WHERE person_id IS NOT NULL UNION SELECT person_id FROM answer"
    )
    assert {row[0] for row in pointed} <= known
    here = {row[0] for row in store.rows("SELECT person_id FROM person")}
    for table in ("reference", "learned"):
        held = store.rows(f"SELECT person_id FROM {table}")
        assert {row[0] for row in held} <= here
    assert store.rows("SELECT person_id FROM person ANTI JOIN reference USING (person_id)") == []
    shown = "SELECT person_id FROM reference WHERE chosen GROUP BY person_id HAVING count(*) > 1"
    assert store.rows(shown) == []
    twice = "SELECT face_id FROM answer WHERE answer = 'yes' GROUP BY face_id HAVING count(*) > 1"
    assert store.rows(twice) == []
    yes, no = confirmed(store), rejected_pairs(store)
    assert not set(yes.items()) & no
    given_ = dict(store.rows("SELECT face_id, person_id FROM face_state"))
    assert not set(given_.items()) & no
    assert yes.items() <= given_.items()


def carry_out(job: InMemory, act: Act, store: Store) -> bool:
    """Whether it was an action; what is refused changes nothing."""
    before, known, refused = data(store), history(store), False
    try:
        act(job)
    except GalleryError:
        refused = True
    after = data(store)
    if refused:
        assert after == before
    done = history(store) != known
    assert done == (after != before)
    if done:  # else it was checked before
        check(store)
    return done


@settings(max_examples=12)
@given(st.lists(acts(), max_size=6))
def test_any_actions_undone_leave_everything_as_it_was(opened: Store, chosen: list[Act]) -> None:
    job = fresh(opened)
    check(opened)
    states = [data(opened)]
    states += [data(opened) for act in chosen if carry_out(job, act, opened)]
    for state in reversed(states[:-1]):
        assert undo(job) is not None
        assert data(opened) == state
    for state in states[1:]:
        assert redo(job) is not None
        assert data(opened) == state
    assert redo(job) is None


machine = st.sampled_from(["undo", "redo", "sort"])


@settings(max_examples=12)
@given(st.lists(st.one_of(acts(), machine), max_size=9))
def test_whatever_a_sort_did_in_between_stays_explained(
    opened: Store, chosen: list[Act | str]
) -> None:
    job = fresh(opened)
    check(opened)
    for act in chosen:
        if callable(act):
            carry_out(job, act, opened)
            continue
        if act == "undo":
            undo(job)
        elif act == "redo":
            redo(job)
        else:
            sort(job, [[(0, 0.2), (1, 0.3)], [(5, 0.1)], [(2, 0.0), (3, 0.1)]])
        check(opened)
    while undo(job) is not None:
        check(opened)
    assert person_summaries(opened) == []


# --- one at a time ------------------------------------------------------------------------------


@pytest.fixture
def job(opened: Store) -> InMemory:
    return fresh(opened)


def test_nothing_can_be_undone_in_an_empty_workspace(store: Store) -> None:
    assert journal.undo(store) is None
    assert journal.redo(store) is None
    assert history(store) == []


def test_a_block_that_fails_or_changes_nothing_leaves_no_trace(store: Store) -> None:
    with recorded(store, "nothing", "nothing", noon()):
        pass
    with pytest.raises(GalleryError), recorded(store, "add", "Ada", noon()):
        people.add_person(store, "Ada", "ada")
        raise GalleryError("no")
    assert history(store) == []
    assert find_person(store, "Ada") is None


def test_something_new_ends_what_could_be_done_again(job: InMemory, opened: Store) -> None:
    gallery.rename_person(job, "Ada", "Cleo", clock=noon)
    undo(job)
    assert [a.undone for a in actions(job)] == [True, False, False]
    with pytest.raises(GalleryError, match="has that name already"):
        gallery.rename_person(job, "Ada", "Ada")
    assert actions(job)[0].undone
    gallery.rename_person(job, "Ada", "Dan", clock=lambda: datetime(2026, 5, 5))

    newest = actions(job)[0]
    assert (newest.kind, newest.summary, newest.undone) == (
        "rename",
        "Ada was renamed to Dan",
        False,
    )
    assert newest.done_at == datetime(2026, 5, 5)
    assert redo(job) is None
    assert len(actions(job)) == 3


def test_what_was_learned_for_somebody_goes_and_comes_with_them(
    job: InMemory, opened: Store
) -> None:
    """Seeded, sorted, and only then undone: the decisions stay, and say who it was."""
    seed(job, "Cleo", (3, 0.0))
    (face,) = sort(job, [[(3, 0.1)]])

    undo(job)

    assert find_person(opened, "Cleo") is None
    assert everyone(opened)[3] == "Cleo"
    assert reports.counts(opened).persons["Cleo"] == 1
    assert opened.rows("SELECT * FROM learned WHERE face_id = ?", [face]) == []
    redo(job)
    assert opened.rows("SELECT person_id FROM learned WHERE face_id = ?", [face]) == [(3,)]
    assert opened.rows("FROM former_person") == []


def test_an_id_is_never_given_to_somebody_else(job: InMemory, opened: Store) -> None:
    """Else an undo would find the wrong faces under the old id."""
    seed(job, "Cleo", (3, 0.0))
    gallery.remove_person(job, "Cleo")
    seed(job, "Dan", (6, 0.0))
    dan = find_person(opened, "Dan")
    assert dan is not None
    assert dan.person_id == 4
    sort(job, [[(6, 0.0)]])
    for _ in range(2):
        undo(job)
    assert everyone(opened) == {1: "Ada", 2: "Bo", 3: "Cleo", 4: "Dan"}


def test_an_older_version_s_roll_back_can_be_undone_and_redone(
    job: InMemory, opened: Store
) -> None:
    """An earlier version took out what was learned only because of a face, too: one action, several rows."""
    learned = opened.rows("FROM learned ORDER BY ALL")
    assert len(learned) > 1
    with recorded(opened, "roll_back", "what was learned from face 1 was rolled back", noon()):
        opened.execute("DELETE FROM learned")

    assert actions(job)[0].kind == "roll_back"
    undo(job)
    assert opened.rows("FROM learned ORDER BY ALL") == learned
    redo(job)
    assert opened.rows("FROM learned") == []


def test_whose_photos_go_to_nobody_stays_so_in_a_merge(job: InMemory, opened: Store) -> None:
    opened.execute("UPDATE person SET deliver = false WHERE name = 'Ada'")
    with recorded(opened, "merge", "", noon()):
        ada, bo = find_person(opened, "Ada"), find_person(opened, "Bo")
        assert ada is not None
        assert bo is not None
        people.merge_persons(opened, ada, bo)
    assert opened.rows("SELECT name, deliver FROM person") == [("Bo", False)]


def removed(job: InMemory) -> None:
    gallery.remove_person(job, "Ada")


def merged(job: InMemory) -> None:
    gallery.merge_persons(job, "Ada", "Bo")


@pytest.mark.parametrize("act", [removed, merged])
@pytest.mark.parametrize(
    "by_a_stranger",
    [
        "INSERT INTO person_edit SELECT * FROM person_edit",
        "INSERT INTO reference_edit SELECT * FROM reference_edit",
        "UPDATE person_edit SET name = NULL",
        "UPDATE person_edit SET name = 'Bo'",
        "UPDATE person_edit SET person_id = 2",
    ],
)
def test_an_undo_of_rows_that_do_not_fit_is_refused_and_changes_nothing(
    opened: Store, act: Act, by_a_stranger: str
) -> None:
    job = fresh(opened)
    act(job)
    opened.execute(by_a_stranger)
    before = content(opened), history(opened)

    with pytest.raises(
        StoreError, match=r"do not fit together: .* nothing was stored\. .* restore"
    ):
        undo(job)

    assert (content(opened), history(opened)) == before


def test_a_redo_of_rows_that_do_not_fit_is_refused_and_changes_nothing(opened: Store) -> None:
    job = fresh(opened)
    gallery.rename_person(job, "Ada", "Cleo")
    undo(job)
    opened.execute("UPDATE person_edit SET name = 'Bo' WHERE after")
    before = content(opened), history(opened)

    with pytest.raises(StoreError, match="do not fit together: "):
        redo(job)

    assert (content(opened), history(opened)) == before
