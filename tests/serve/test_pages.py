"""The pages of the service, as a browser that runs no script gets them: from no job to a sort."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from bs4 import BeautifulSoup
from drawn_service import CREDENTIALS, drawn, make_service
from starlette.testclient import TestClient
from synthetic_event import write_photo

from facesort.serve.app import create_app
from facesort.serve.service import MOST_BODY_BYTES, MOST_UPLOAD_BYTES, Service

NASTY = "<b>Ada</b> & \u202eCo"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = make_service(tmp_path_factory.mktemp("secret-place"))
    for number in range(3):
        write_photo(service.options.roots["photos"] / f"Anna & Ben/{number}.jpg", [number + 1])
    yield service
    service.finder.close()
    service.collections.close()


@pytest.fixture(scope="module")
def browser_like(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service), headers={"Accept": "text/html"}) as client:
        client.post("/login", data={"token": CREDENTIALS.secret})
        yield client


def page(answer: Any, status: int = 200) -> BeautifulSoup:
    assert answer.status_code == status, answer.text
    assert "secret-place" not in answer.text
    found = BeautifulSoup(answer.text, "html.parser")
    assert not found.select(
        "script:not([src]), style, [style], [onclick]"
    )  # the policy allows none
    for field in found.select("input:not([type=hidden]), select"):
        assert field.find_parent("label") or found.select_one(f'label[for="{field["id"]}"]')
    return found


def words(found: BeautifulSoup) -> str:
    return " ".join(found.get_text(" ").split())


@pytest.mark.parametrize(
    ("name", "kind"), [("facesort.css", "text/css"), ("facesort.js", "text/javascript")]
)
def test_style_and_script_need_no_token(service: Service, name: str, kind: str) -> None:
    with TestClient(create_app(service)) as nobody:
        answer = nobody.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "://" not in answer.text  # nothing comes from elsewhere


def test_photos_of_people_may_be_as_large_as_a_camera_writes_them(service: Service) -> None:
    large = {"photos": ("a.jpg", bytes(MOST_BODY_BYTES + 1))}
    known = {"Authorization": f"Bearer {CREDENTIALS.secret}"}
    announced = known | {"Content-Length": str(MOST_UPLOAD_BYTES + 1)}
    with TestClient(create_app(service)) as client:
        for path, status in (("/people", 422), ("/api/operator/seed-person", 400)):
            form = {"files": large, "data": {"name": "Ada"}}
            # There is no job yet, which is told of a photo that was let in.
            assert client.post(path, **form, headers=known).status_code == status
            assert client.post(path, **form).status_code == 401
        assert client.post("/sort", files=large, headers=known).status_code == 413
        assert client.post("/people", content=b"x", headers=announced).status_code == 413


def test_browsers_ask_for_an_icon(service: Service) -> None:
    with TestClient(create_app(service)) as nobody:
        assert nobody.get("/favicon.ico").status_code == 204


@pytest.mark.parametrize("path", ["/", "/tracker", "/folders", "/picture?person=Ada"])
def test_without_a_login_nothing_is_shown(service: Service, path: str) -> None:
    with TestClient(create_app(service), headers={"Accept": "text/html"}) as nobody:
        answer = nobody.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_folders_are_chosen_by_links(browser_like: TestClient) -> None:
    start = page(browser_like.get("/"))
    assert "Set up a job" in words(start)
    places = page(browser_like.get(start.find("a", string=re.compile("folder of photos"))["href"]))
    inside = page(browser_like.get(places.find("a", string="photos")["href"]))
    event = page(browser_like.get(inside.find("a", string="Anna & Ben")["href"]))
    assert "3 photos directly in it" in words(event)
    chosen = page(browser_like.get(event.find("a", class_="button")["href"]))
    assert chosen.find("input", {"name": "source"})["value"] == "photos/Anna & Ben"
    new = "/?source=photos/Anna+%26+Ben&within=photos&new=sorted"
    assert page(browser_like.get(new)).find("input", {"name": "output"})["value"] == "photos/sorted"


@pytest.mark.parametrize(
    "name",
    [
        "Tom & Jerry #1 50%+",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f467",
    ],
)
def test_any_name_of_a_folder_is_found_by_links_and_sent_back_as_it_is(
    browser_like: TestClient, service: Service, name: str
) -> None:
    (service.options.roots["photos"] / "events" / name / "one#2").mkdir(parents=True)
    inside = page(browser_like.get("/folders?in=photos/events"))
    links = inside.select("ul.folders a")
    found = page(browser_like.get(links[-1]["href"]))
    below = page(browser_like.get(found.find("a", string="one#2")["href"]))
    chosen = page(browser_like.get(below.find("a", class_="button")["href"]))
    place = f"photos/events/{name}/one#2"
    assert chosen.find("input", {"name": "source"})["value"] == place
    wrong = {"source": place, "output": place, "strict": "x"}
    refused = page(browser_like.post("/job", data=wrong), 422)
    assert refused.find("input", {"name": "output"})["value"] == place
    (service.options.roots["photos"] / "events").rename(service.options.data / f"moved-{len(name)}")


def test_what_cannot_be_is_said_beside_its_field_and_what_was_typed_stays(
    browser_like: TestClient,
) -> None:
    typed = {"source": "photos/Anna & Ben", "strict": "1.5", "loose": "1"}
    refused = page(browser_like.post("/job", data=typed | {"output": "photos/out"}), 422)
    field = refused.find("input", {"name": "strict"})
    assert (field["value"], field["aria-invalid"]) == ("1.5", "true")
    assert "must not be above loose" in words(refused.find(id=field["aria-describedby"]))
    no_number = page(browser_like.post("/job", data=typed | {"strict": "x"}), 422)
    assert no_number.find(id="wrong-strict")
    nowhere = page(browser_like.get("/folders?in=/etc"), 400)
    assert "none of photos" in words(nowhere.find(role="alert"))


def test_a_job_is_made_people_are_added_and_a_sort_needs_them(browser_like: TestClient) -> None:
    wanted = {"source": "photos/Anna & Ben", "output": "photos/sorted", "pack": "synthetic"}
    made = page(browser_like.post("/job", data=wanted))
    assert "Saved." in words(made)
    assert "Nobody is known yet" in words(made)
    assert "nobody is in the gallery" in words(page(browser_like.post("/sort"), 409))

    offered = [("photos", ("a.jpg", drawn(1))), ("photos", ("<i>b.jpg", drawn(1, 2)))]
    told = page(browser_like.post("/people", data={"name": NASTY}, files=offered))
    assert "1 of 2 photos accepted" in words(told)
    assert "2 faces were found" in words(told)
    assert "several_faces" in words(told)
    assert not told.select("b, i")
    assert r"<b>Ada</b> & \u202eCo" in words(told)
    picture = browser_like.get(told.select_one("ul.people img")["src"])
    assert picture.content.startswith(b"\xff\xd8")
    assert browser_like.get("/picture?person=nobody").status_code == 404
    page(browser_like.post("/people", data={"name": "Ben"}), 422)


def test_the_tracker_needs_no_script(browser_like: TestClient) -> None:
    tracker = page(browser_like.get("/tracker"))
    assert tracker.find(role="status").get_text() == "Nothing is sorted yet."
    assert tracker.find("button", id="start")
    assert not tracker.find("meta", {"http-equiv": "refresh"})  # only while a sort runs


def test_another_site_may_not_start_a_sort(browser_like: TestClient) -> None:
    answer = browser_like.post("/sort", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
