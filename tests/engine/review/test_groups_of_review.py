"""Groups as the review sees them: in doubt, as chains, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from review_event import PACK, InMemory, actions, rematch, seed, sort

from facesort.core.records import PhotoRef
from facesort.engine.gallery.action import undo
from facesort.engine.gallery.persons import remove_person
from facesort.engine.review import chains
from facesort.engine.review.answers import answer_faces, ignore, name_faces
from facesort.engine.review.chains import Chain, chain_of, neighbours
from facesort.engine.review.clusters import Work, find_unknown
from facesort.errors import StoreError
from facesort.store import Store
from facesort.store.queries.face_sets import (
    best_faces,
    comparable_faces,
    read_comparable_faces,
)
from facesort.store.queries.review import shown as shown
from facesort.store.queries.review.shown import GroupFace
from facesort.store.queries.review.unknown import unknown_faces
from facesort.store.queries.stored import stored_faces

TURNS = (0.3, 0.8, 1.15, 1.4)
"""Ada's photos, faces 1 to 4: each is like the one before, and the last two are beyond LOOSE of her reference."""

STRANGER = (1.17, 1.18, 1.19)
"""Beyond LOOSE of Ada's reference, but together with her face at 0.3 just near enough."""


@pytest.fixture
def job() -> Iterator[InMemory]:
    """Ada and Bo are seeded; Ada turns away from photo to photo."""
    with Store.open(None) as store:
        workspace = InMemory(store)
        seed(workspace, "Ada", (0, 0.0))
        seed(workspace, "Bo", (2, 0.0))
        assert sort(workspace, [[(0, turn)] for turn in TURNS]) == [1, 2, 3, 4]
        rematch(workspace)
        yield workspace


@pytest.fixture
def in_doubt() -> Iterator[InMemory]:
    """Faces 2 to 4 are a stranger's who may be Ada; face 1 is hers."""
    with Store.open(None) as store:
        workspace = InMemory(store)
        seed(workspace, "Ada", (0, 0.0))
        seed(workspace, "Bo", (2, 0.0))
        sort(workspace, [[(0, 0.3)], *([(0, turn)] for turn in STRANGER)])
        rematch(workspace)
        yield workspace


def reasons(job: InMemory) -> dict[int, tuple[str, str | None]]:
    with job.open_store() as store:
        return {f.face_id: (f.reason, f.person) for f in stored_faces(store, "")}


def chain(job: InMemory, face_id: int) -> Chain | None:
    with job.open_store() as store:
        (face,) = shown.faces_with_crops(store, [face_id])
        return chain_of(store, face, PACK.pack_id)


def links(found: Chain | None) -> list[tuple[int, tuple[int, ...]]]:
    assert found is not None
    return [(link.face.face_id, link.beyond) for link in found.links]


def test_the_chain_of_a_very_large_group_is_looked_for_among_the_faces_that_are_nearest(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    embeddings = chains._embeddings

    def counted(faces: Iterable[Any]) -> Any:
        found = embeddings(faces)
        sizes.append(len(found))
        return found

    assert [face_id for face_id, _ in links(chain(job, 4))] == [1, 2, 3, 4]
    monkeypatch.setattr(chains, "_embeddings", counted)
    monkeypatch.setattr(chains, "_MOST", 2)
    monkeypatch.setattr(chains, "_AT_ONCE", 1)
    assert links(chain(job, 4)) == [(3, (3, 4)), (4, (4,))]
    assert max(sizes) == 3, "two faces and the reference, or one more face"


def test_of_a_very_large_group_the_nearest_confirmed_face_counts_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = np.cos(np.linspace(0, 1.5, 12)).astype(np.float32)
    group = [
        GroupFace(
            number, PhotoRef(number, "a.jpg"), person="Ada", came_at=None, confirmed=number in (8, 11),
            embedding=np.array([cosine, np.sqrt(1 - cosine**2)], np.float32),
        )
        for number, cosine in enumerate(near.tolist())
    ]  # fmt: skip
    monkeypatch.setattr(chains, "_MOST", 3)
    monkeypatch.setattr(chains, "_AT_ONCE", 2)
    kept = chains._nearest(group[0], iter(group[::-1]))
    assert [face.face_id for face in kept] == [0, 1, 2, 8]


# --- a face named by its group ------------------------------------------------------------------


def test_a_face_knows_its_group_and_the_nearest_of_it(job: InMemory) -> None:
    with job.open_store() as store:
        faces = stored_faces(store, "ORDER BY s.face_id")
        near = neighbours(store, faces, PACK.pack_id)
    assert [f.reason for f in faces] == ["within_strict", "within_strict", "within_group", "within_group"]  # fmt: skip
    assert [f.group_faces for f in faces] == [None, None, 3, 3], (
        "what has not changed is not stored again"
    )
    assert faces[3].distance == pytest.approx(1.288, abs=1e-3)
    assert faces[3].group_distance is not None and faces[3].group_distance < 1
    assert {key: n.name for key, n in near.items()} == {
        3: "00004.jpg", 4: "00003.jpg",
    }  # fmt: skip
    assert near[4].distance == pytest.approx(0.2493, abs=1e-3)


def test_of_a_large_group_few_embeddings_are_in_memory_at_a_time(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    embeddings = chains._embeddings

    def counted(faces: Iterable[Any]) -> Any:
        found = embeddings(faces)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(chains, "_embeddings", counted)
    with job.open_store() as store:
        asked = [face for face in stored_faces(store, "") if face.face_id == 4]
        at_once = neighbours(store, asked, PACK.pack_id)
        sizes.clear()
        monkeypatch.setattr(chains, "_AT_ONCE", 1, raising=False)
        assert neighbours(store, asked, PACK.pack_id) == at_once
    assert at_once[4].name == "00003.jpg"
    assert at_once[4].others == 3
    assert sizes and max(sizes) == 1


def test_a_chain_leads_from_the_reference_to_the_face(job: InMemory) -> None:
    found = chain(job, 4)
    assert links(found) == [(1, (1, 2, 3, 4)), (2, (2, 3, 4)), (3, (3, 4)), (4, (4,))]
    assert found is not None and found.reference is not None
    assert (found.person, found.reference.file_name) == ("Ada", "seed.jpg")
    assert [round(link.distance, 2) for link in found.links] == [0.3, 0.49, 0.35, 0.25]
    assert all(link.face.crop == b"jpg" for link in found.links)


def test_a_face_that_a_user_confirmed_is_as_good_as_a_reference(job: InMemory) -> None:
    answer_faces(job, {3: "Ada"}, "yes")
    found = chain(job, 4)
    assert links(found) == [(3, (3, 2, 4)), (4, (4,))]
    assert found is not None and found.reference is None
    assert links(chain(job, 2))[0][0] == 3, "it is nearer than the reference"


def test_a_chain_is_cut_as_one_action(job: InMemory) -> None:
    found = chain(job, 4)
    assert found is not None
    answer_faces(job, dict.fromkeys(found.links[1].beyond, "Ada"), "no")
    assert chain(job, 4) is None
    assert links(chain(job, 1)) == [(1, (1,))]
    rematch(job)
    assert {key: who for key, (_, who) in reasons(job).items()} == {1: "Ada", 2: None, 3: None, 4: None}  # fmt: skip
    assert actions(job)[0].summary == "no for 3 faces: Ada"


def test_without_a_group_there_is_no_chain(job: InMemory) -> None:
    (face,) = sort(job, [[(5, 0.0)]])
    assert chain(job, face) is None
    with job.open_store() as store:
        store.execute("UPDATE face SET embedding = '' WHERE face_id = 3")
        assert 3 not in neighbours(store, stored_faces(store, ""), PACK.pack_id)
    assert chain(job, 3) is None
    assert links(chain(job, 4))[-2:] == [(2, (2, 4)), (4, (4,))], "round an erased face"


# --- a group in doubt ---------------------------------------------------------------------------


def test_a_group_in_doubt_is_asked_about_as_one(in_doubt: InMemory) -> None:
    assert reasons(in_doubt) == {1: ("within_strict", "Ada")} | dict.fromkeys(
        (2, 3, 4), ("group_in_doubt", None)
    )
    with in_doubt.open_store() as store:
        (group,) = shown.doubtful_groups(store)
        assert shown.count_waiting(store, low_quality=0.2) == 3
        assert shown.count_doubtful(store) == 0
        assert unknown_faces(store, PACK.pack_id, 0.0).asked.tolist() == []
    assert (group.person, group.face_ids, group.photos) == ("Ada", (2, 3, 4), 3)
    assert [link[0] for link in links(chain(in_doubt, 4))] == [1, 2, 3, 4]
    assert links(chain(in_doubt, 1)) == [(1, (1,))], "who is in doubt is in nobody's chain"
    remove_person(in_doubt, "Ada")
    with in_doubt.open_store() as store:
        assert shown.doubtful_groups(store) == []
    assert chain(in_doubt, 4) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("yes", ("confirmed_by_user", "Ada")), ("no", ("rejected_by_user", None))],
)
def test_an_answer_for_the_group_settles_it(
    in_doubt: InMemory, answer: str, expected: tuple[str, str | None]
) -> None:
    before = reasons(in_doubt)
    answer_faces(in_doubt, dict.fromkeys((2, 3, 4), "Ada"), answer)  # type: ignore[arg-type]
    assert [reasons(in_doubt)[key] for key in (2, 3, 4)] == [expected] * 3
    with in_doubt.open_store() as store:
        assert shown.doubtful_groups(store) == []
    undo(in_doubt)
    assert reasons(in_doubt) == before


def test_who_is_not_sure_is_asked_last_and_who_is_ignored_not_at_all(in_doubt: InMemory) -> None:
    more = sort(in_doubt, [[(2, 0.3)], *([(2, turn)] for turn in STRANGER)])[1:]
    rematch(in_doubt)

    def persons() -> list[str]:
        with in_doubt.open_store() as store:
            return [group.person for group in shown.doubtful_groups(store)]

    assert persons() == ["Ada", "Bo"]
    answer_faces(in_doubt, dict.fromkeys((2, 3, 4), "Ada"), "unsure")
    assert persons() == ["Bo", "Ada"]
    ignore(in_doubt, more)
    assert persons() == ["Ada"]


def test_all_faces_of_a_group_in_doubt_say_the_same_of_it_when_it_grows(in_doubt: InMemory) -> None:
    sort(in_doubt, [[(0, 1.175)]])
    rematch(in_doubt)
    with in_doubt.open_store() as store:
        (group,) = shown.doubtful_groups(store)
    assert sorted(group.face_ids) == [2, 3, 4, 5]
    assert rematch(in_doubt) == 0, "a second re-match changes nothing"


# --- unknown people -----------------------------------------------------------------------------


def test_who_is_named_as_a_group_has_all_its_faces_after_a_re_match(job: InMemory) -> None:
    """More faces than become references, and two ends that are far from each other."""
    sort(job, [[(5, turn / 10)] for turn in range(14)])
    rematch(job)
    cluster, *_ = find_unknown(job, PACK)[0].clusters
    assert len(cluster) > 10
    name_faces(job, cluster.face_ids.tolist(), "Cleo")
    rematch(job)
    found = reasons(job)
    assert {found[key][1] for key in cluster.face_ids.tolist()} == {"Cleo"}


def test_groups_are_found_again_only_if_something_has_changed(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort(job, [[(5, 0.0)], [(5, 0.1)], [(5, 0.2)]])
    found, kept = find_unknown(job, PACK)
    first = found.clusters
    with monkeypatch.context() as patch:
        patch.setattr("facesort.engine.review.clusters.groups_of", None)
        again = find_unknown(job, PACK, kept)[0].clusters
        ignore(job, first[0].face_ids[:1].tolist())
        rest = find_unknown(job, PACK, kept)[0]
        name_faces(job, rest.clusters[0].face_ids.tolist(), "Cleo")
        assert find_unknown(job, PACK, kept)[0].clusters == []
        undo(job)
        assert len(find_unknown(job, PACK, kept)[0].clusters) == 1, "it is back"
    assert [c.face_ids.tolist() for c in again] == [c.face_ids.tolist() for c in first]
    assert ([len(c) for c in rest.clusters], rest.total, rest.left_out) == ([2], 3, {"ignored": 1})

    sort(job, [[(5, 0.3)]])
    found, kept = find_unknown(job, PACK, kept)
    assert [len(c) for c in found.clusters] == [3]
    answer_faces(job, {1: "Ada"}, "no")
    assert len(find_unknown(job, PACK, kept)[1].asked) == len(kept.asked) + 1


def test_the_groups_of_many_faces_are_found_later(job: InMemory) -> None:
    sort(job, [[(5, 0.0)], [(5, 0.1)], [(5, 0.2)]])
    work: list[Work] = []
    found, kept = find_unknown(job, PACK, later=lambda *asked: not work.append(asked[0]))
    assert (found.clusters, found.finding, found.total) == ((), 3, 3)
    assert kept.clusters == ()
    found, _ = find_unknown(job, PACK, work[0]())
    assert ([len(c) for c in found.clusters], found.finding) == ([3], 0)


def test_faces_are_read_for_groups_only_when_these_are_found_and_in_parts(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facesort.store.queries.face_sets._AT_ONCE", 2)
    sort(job, [[(5, 0.0)], [(5, 0.1)], [(5, 0.2)]])
    openings: list[object] = []

    def read(query: Callable[[Store], Any]) -> Any:
        openings.append(query)
        with job.open_store(read_only=True) as store:
            return query(store)

    work: list[Work] = []
    find_unknown(job, PACK, later=lambda *asked: not work.append(asked[0]), read=read)
    assert openings == []
    found, _ = find_unknown(job, PACK, work[0]())
    assert [len(c) for c in found.clusters] == [3]
    with job.open_store() as store:
        assert len(openings) == 1 + -(-store.value("SELECT count(*) FROM face") // 2)
        store.execute("UPDATE face SET embedding = '' WHERE face_id = 1")

        def erased(query: Callable[[Store], Any]) -> Any:
            found = query(store)
            store.execute("UPDATE face SET embedding = '' WHERE face_id = 3")
            return found

        with pytest.raises(StoreError, match="erased while they were read"):
            read_comparable_faces(erased, PACK.pack_id)


def test_faces_are_ranked_by_the_content_of_their_photos(job: InMemory) -> None:
    sort(job, [[(5, 0.0), (6, 0.0)], [(5, 0.1)]])
    with job.open_store() as store:
        ranked = store.rows(
            "SELECT f.face_id, row_number() OVER (ORDER BY p.sha256, f.photo_id, f.face_id) - 1 "
            "FROM face f JOIN photo p USING (photo_id) ORDER BY f.face_id"
        )
        found = comparable_faces(store, PACK.pack_id)
        assert list(zip(found.face_ids.tolist(), found.order.tolist(), strict=True)) == ranked


def test_the_best_faces_of_somebody_are_those_that_are_still_there(job: InMemory) -> None:
    with job.open_store() as store:
        before = best_faces(store, PACK.pack_id, 1)
        best = store.value(
            "SELECT f.face_id FROM face_state a JOIN face f USING (face_id) WHERE a.person_id = 1 "
            "ORDER BY f.quality DESC, f.face_id"
        )
        store.execute("UPDATE face SET embedding = '' WHERE face_id = ?", [best])
        after = best_faces(store, PACK.pack_id, 1)
    assert after[1].shape == before[1].shape
    assert (after[1] != before[1]).any()
