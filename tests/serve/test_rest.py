from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from drawn_service import drawn
from starlette.testclient import TestClient

from facesort.clock import utc_now
from facesort.core.collections.records import Collection
from facesort.errors import BusyError, CollectionError
from facesort.serve.service import MOST_IMAGE_BYTES, Service

Post = Callable[..., Any]


@pytest.fixture
def post(client: TestClient, bearer: dict[str, str]) -> Post:
    def post(path: str, image: bytes = b"", status: int = 200, **query: Any) -> Any:
        answer = client.post(path, content=image, params=query, headers=bearer)
        assert answer.status_code == status, answer.text
        return answer.json()

    return post


@pytest.fixture
def event(service: Service) -> Any:
    """An empty collection."""
    pack = service.pack
    service.collections.create(
        Collection("event", utc_now(), pack.pack_id, service.finder.dim, pack.strict, pack.loose)
    )
    yield "/api/v1/collections/event"
    service.collections.delete("event")


@pytest.mark.parametrize("path", ["/detect", "/api/v1/detect-faces"])
def test_faces_are_detected(post: Post, path: str) -> None:
    found = post(path, drawn(1, 2))["faces"]

    first, second = sorted(found, key=lambda face: face["box"]["left"])
    assert first["box"]["left"] == pytest.approx(20 / 640, abs=0.02)
    assert second["box"]["left"] == pytest.approx(140 / 640, abs=0.02)
    assert list(first["landmarks"]) == ["eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"]
    assert abs(first["pose"]["roll"]) < 10
    assert 0 < first["quality"] <= 1


def test_an_image_may_be_a_field_of_a_form(client: TestClient, bearer: dict[str, str]) -> None:
    as_form = client.post("/detect", files={"image": ("x.jpg", drawn(1))}, headers=bearer)
    as_body = client.post("/detect", content=drawn(1), headers=bearer)

    assert as_form.json() == as_body.json()


def test_embeddings_are_normalised_and_of_the_pack(post: Post, service: Service) -> None:
    found = post("/extract-embedding", drawn(3))

    (face,) = found["faces"]
    assert found["pack"] == service.pack.pack_id
    assert len(face["embedding"]) == found["dimension"]
    assert np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-5)


def test_no_face_is_an_empty_list(post: Post) -> None:
    assert post("/detect", drawn()) == {"faces": []}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "empty_file"),
        (b"no image", "not_an_image"),
        (drawn(1)[:-900], "truncated"),
        (bytes(MOST_IMAGE_BYTES + 1), "too_large"),
    ],
    ids=["empty", "text", "truncated", "large"],
)
def test_an_image_that_cannot_be_used_is_refused_with_its_reason(
    post: Post, image: bytes, reason: str
) -> None:
    refused = post("/detect", image, status=422)

    assert refused["reason"] == reason
    assert refused["detail"]


@pytest.mark.parametrize(
    "form",
    [{"data": {"image": "text"}}, {"files": {"photo": ("a", b"x")}}, {"files": [("image", b"")]}],
)
def test_a_form_without_an_image_is_refused(
    client: TestClient, bearer: dict[str, str], form: Any
) -> None:
    assert client.post("/detect", headers=bearer, **form).status_code == 422


def test_a_broken_form_is_refused(client: TestClient, bearer: dict[str, str]) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post("/detect", content=b"junk", headers=bearer | {"content-type": kind})
        assert answer.status_code == 422, kind


def test_who_was_indexed_is_found(post: Post, event: str) -> None:
    indexed = post(f"{event}/index-faces", drawn(1), external_image_id="p1")
    post(f"{event}/index-faces", drawn(2), external_image_id="p2")

    found = post(f"{event}/search-faces", drawn(1, variation=3))

    (face,) = indexed["indexed"]
    (match,) = found["matches"]
    assert match["face"] == face["stored"]
    assert match["face"]["external_image_id"] == "p1"
    assert match["similarity"] >= 80
    everybody = post(f"{event}/search-faces", drawn(1, variation=3), similarity=0)["matches"]
    assert [m["face"]["external_image_id"] for m in everybody] == ["p1", "p2"]
    assert everybody[0]["distance"] < everybody[1]["distance"]


def test_faces_that_are_too_many_are_left_out_and_told(post: Post, event: str) -> None:
    told = post(f"{event}/index-faces", drawn(1, 2, 3), max_faces=1)

    assert len(told["indexed"]) == 1
    assert [face["reasons"] for face in told["left_out"]] == [["EXCEEDS_MAX_FACES"]] * 2


def test_searching_and_detecting_keep_nothing(post: Post, event: str, service: Service) -> None:
    post("/detect", drawn(1))
    post("/extract-embedding", drawn(1))
    post(f"{event}/search-faces", drawn(1))

    assert service.collections.collection("event").faces == 0


def test_nobody_to_search_is_refused(post: Post, event: str) -> None:
    assert post(f"{event}/search-faces", drawn(), status=422)["reason"] == "no_face"


def test_what_is_not_there_and_what_is_not_valid(post: Post, event: str) -> None:
    missing = post("/api/v1/collections/nowhere/index-faces", drawn(1), status=404)
    assert "nowhere" in missing["detail"]
    wrong = post(f"{event}/index-faces", drawn(1), status=422, max_faces=0, quality_filter="BEST")
    assert "max_faces" in wrong["detail"]
    assert "quality_filter" in wrong["detail"]
    assert isinstance(post("/api/v1/collections/a b/index-faces", status=422)["detail"], str)


def test_a_collection_of_another_pack_is_not_mixed(post: Post, service: Service) -> None:
    service.collections.create(Collection("other", utc_now(), "another", 7, 0.8, 1.0))

    post("/api/v1/collections/other/index-faces", drawn(1), status=409)
    post("/api/v1/collections/other/search-faces", drawn(1), status=409)

    assert service.collections.collection("other").faces == 0
    service.collections.delete("other")


def test_overload_and_trouble_are_told_apart(
    client: TestClient, bearer: dict[str, str], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: Exception) -> Any:
        def find(image: bytes) -> Any:
            raise error

        monkeypatch.setattr(service.finder, "find", find)
        return client.post("/detect", content=b"x", headers=bearer)

    busy = fail(BusyError("too many"))
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    secret = fail(CollectionError("/home/somebody/faces is broken"))
    assert secret.status_code == 503
    assert "/home" not in secret.text


def test_the_token_is_needed_but_for_health(client: TestClient) -> None:
    for path in ("/detect", "/extract-embedding", "/api/v1/detect-faces"):
        assert client.post(path, content=drawn(1)).status_code == 401, path
    for path in ("/api/similarity", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 401, path
    assert client.get("/health").json() == {"status": "ok"}


def test_health_tells_what_runs_to_who_has_the_token(
    client: TestClient, bearer: dict[str, str], service: Service
) -> None:
    told = client.get("/health", headers=bearer).json()

    assert told["pack"] == service.pack.name
    assert told["dimension"] == service.finder.dim
    assert told["backend"] == service.finder.backend
    assert "facesort" in told["versions"]


def test_similarities_of_the_pack(
    client: TestClient, bearer: dict[str, str], service: Service
) -> None:
    table = client.get("/api/similarity", headers=bearer).json()

    distances = {row["similarity"]: row["distance"] for row in table["rows"]}
    assert distances[99] == pytest.approx(service.scale.strict)
    assert distances[80] == pytest.approx(service.scale.loose)
    assert list(distances.values()) == sorted(distances.values())
    assert {row["fmr"] for row in table["rows"]} == {None}
    assert "no probability" in table["note"]


def test_false_matches_are_counted_over_the_users_of_a_collection(
    client: TestClient, bearer: dict[str, str], post: Post, event: str, service: Service
) -> None:
    for person in range(4):
        told = post(f"{event}/index-faces", drawn(person))
        post(f"{event}/index-faces", drawn(person + 10))  # of nobody
        service.collections.add_user("event", f"u{person}")
        keys = [face["stored"]["face_id"] for face in told["indexed"]]
        service.collections.associate("event", f"u{person}", keys, within=2)

    table = client.get("/api/similarity?collection=event", headers=bearer).json()

    rates = {row["similarity"]: row["fmr"] for row in table["rows"]}
    assert {rate["comparisons"] for rate in rates.values()} == {6}
    assert (rates[100]["value"], rates[0]["value"]) == (0, 1)
    assert rates[80]["low"] <= rates[80]["value"] <= rates[80]["high"]


def test_a_collection_without_users_says_why_it_has_no_rates(
    client: TestClient, bearer: dict[str, str], event: str
) -> None:
    table = client.get("/api/similarity?collection=event", headers=bearer).json()

    assert {row["fmr"] for row in table["rows"]} == {None}
    assert "not known" in table["note"]
    missing = client.get("/api/similarity?collection=nowhere", headers=bearer)
    assert missing.status_code == 404


def test_the_description_is_a_page_that_loads_nothing_from_elsewhere(
    client: TestClient, bearer: dict[str, str]
) -> None:
    told = client.get("/openapi.json", headers=bearer).json()
    page = BeautifulSoup(client.get("/docs", headers=bearer).text, "html.parser")

    headings = [h.get_text() for h in page.find_all("h2")]
    for path, methods in told["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in headings
    places = [tag.get(name) for tag in page.find_all(True) for name in ("href", "src")]
    assert all(place.startswith(("#", "/")) for place in places if place)
    linked = {p[1:] for p in places if p and p.startswith("#")}
    assert linked <= {tag["id"] for tag in page.find_all(id=True)}
