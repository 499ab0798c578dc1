"""The service and a sort of the same photos: the same distances, and the same names."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from drawn_service import CREDENTIALS, make_service
from starlette.testclient import TestClient

import facesort
from facesort.clock import utc_now
from facesort.core.collections.records import Collection
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.faces.packs.files import read_pack
from facesort.faces.protocol import ModelPack
from facesort.serve.app import create_app
from facesort.settings import override


@dataclass(frozen=True)
class Event:
    """References, one of each person, and the photos that are sorted; by file name."""

    references: dict[str, Path]
    photos: dict[str, Path]
    persons: dict[str, str | None]


@dataclass(frozen=True)
class Named:
    """Whom one photo's largest face is nearest to, and who it is taken for."""

    nearest: str
    distance: float
    name: str | None


def event_of(lfw: Path, *, people: int, of_each: int, strangers: int) -> Event:
    """An event of the first people who have enough photos, and of others who have one."""
    folders = sorted(path for path in lfw.iterdir() if path.is_dir())
    known = [f for f in folders if len(list(f.iterdir())) > of_each][:people]
    others = [f for f in folders if len(list(f.iterdir())) == 1][:strangers]
    taken = {f.name: sorted(f.iterdir()) for f in (*known, *others)}
    references = {f.name: taken[f.name].pop(0) for f in known}
    photos = {p.name: p for paths in taken.values() for p in paths[:of_each]}
    persons = {
        name: path.parent.name if path.parent.name in references else None
        for name, path in photos.items()
    }
    return Event(references, photos, persons)


def names_of_a_sort(event: Event, pack: ModelPack, folder: Path) -> dict[str, Named]:
    """By one reference each, and nothing learned."""
    source = folder / "source"
    source.mkdir()
    for path in event.photos.values():
        shutil.copy(path, source)
    workspace, chosen = set_up(folder / "hot", [source], folder / "out", str(pack.path), [])
    settings = override(workspace.settings, {"learn": False, "groups": False})
    workspace = replace(workspace, settings=settings)
    candidates = [Candidate(n, p, face=1, force=True) for n, p in event.references.items()]
    assert [r.refused for r in seed(workspace, chosen, candidates) if r.refused] == []
    run_sort(workspace, chosen)
    with facesort.open(folder / "hot") as view:
        rows = view.faces.project(
            "path, candidate, distance, person, (x_max - x_min) * (y_max - y_min)"
        ).fetchall()
    largest = {row[0]: row for row in sorted(rows, key=lambda row: row[4])}
    return {path: Named(*row[1:4]) for path, row in largest.items()}


def names_of_a_service(event: Event, pack: ModelPack, folder: Path) -> dict[str, Named]:
    """By searching a collection of the same references."""
    service = make_service(folder, pack)
    headers = {"Authorization": f"Bearer {CREDENTIALS.secret}"}
    service.collections.create(
        Collection("lfw", utc_now(), pack.pack_id, service.finder.dim, pack.strict, pack.loose)
    )
    with TestClient(create_app(service), headers=headers) as client:

        def ask(operation: str, path: Path, **query: Any) -> Any:
            place = f"/api/v1/collections/lfw/{operation}"
            answer = client.post(place, content=path.read_bytes(), params=query)
            return answer.json() if answer.status_code == 200 else None

        for name, path in event.references.items():
            only = {"quality_filter": "NONE", "max_faces": 1, "external_image_id": name}
            assert ask("index-faces", path, **only)["indexed"]
        found = {}
        for name, path in event.photos.items():
            told = ask("search-faces", path, similarity=0, max_faces=1)
            if told is not None:
                (match,) = told["matches"]
                who = match["face"]["external_image_id"]
                near = match["similarity"] >= 80
                found[name] = Named(who, match["distance"], who if near else None)
    service.finder.close()
    service.collections.close()
    return found


def accuracy(named: dict[str, Named], event: Event) -> float:
    """Share of the photos that went where they belong."""
    right = sum(
        (named[name].name if name in named else None) == person
        for name, person in event.persons.items()
    )
    return right / len(event.persons)


@pytest.mark.models
def test_the_service_names_faces_as_a_sort_does(assets: Path, tmp_path: Path) -> None:
    pack = read_pack(assets / "models/mbf128")
    event = event_of(assets / "photos/lfw", people=8, of_each=3, strangers=8)

    sorted_, served = (
        names_of_a_sort(event, pack, tmp_path),
        names_of_a_service(event, pack, tmp_path),
    )

    assert served.keys() == sorted_.keys()
    for name, one in served.items():
        assert one.nearest == sorted_[name].nearest, name
        assert one.distance == pytest.approx(sorted_[name].distance, abs=1e-6), name
        assert one.name == sorted_[name].name, name
    assert accuracy(served, event) == accuracy(sorted_, event) > 0.9
