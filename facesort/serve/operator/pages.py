"""The pages `/` and `/tracker`, as a browser without a script can use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape
from pydantic import ValidationError

from facesort.core.text.foreign_text import printable
from facesort.core.text.words import several
from facesort.errors import FacesortError
from facesort.images import PhotoKind, photo_kind
from facesort.serve.access import required
from facesort.serve.access.errors import FieldsError
from facesort.serve.operator.api import Operator, uploads_of
from facesort.serve.operator.gallery import seed_person
from facesort.serve.operator.job_config import JobConfig
from facesort.serve.operator.places import Folders
from facesort.store.queries.gallery import find_person, references_of
from facesort.workspace import open_workspace

_MOST_COUNTED = 10_000  # files of one folder
_STATES = {
    "none": "There is no job yet.",
    "idle": "Nothing is sorted yet.",
    "running": "Sorting.",
    "finished": "Sorted.",
    "failed": "The sort failed.",
    "interrupted": "The sort was interrupted; the next start goes on from there.",
    "starting": "The sort is starting.",
}


def _shown(value: object) -> object:
    """Names of others as one line that shows everything in it; escaping comes after this."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_TEMPLATES = Environment(
    loader=PackageLoader("facesort.serve.operator"), autoescape=True, finalize=_shown
)
_TEMPLATES.filters["sent"] = (
    escape  # what a form sends back stays as it is: `_shown` leaves it alone
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Folders that were chosen, and are not saved yet: they travel in the address."""

    sources: tuple[str, ...] = ()
    output: str = ""

    @property
    def query(self) -> str:
        """As a part of an address."""
        return urlencode([*(("source", s) for s in self.sources), ("output", self.output)])


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages show."""

    operator: Operator

    def job(self, chosen: Chosen, status: int = 200, **more: Any) -> Response:
        """The page `/`.

        Parameters
        ----------
        **more
            ``given`` (what was typed), ``problems`` (sentences by field), ``told`` (about offered photos), ``trouble``,
            ``saved``.
        """
        config, trouble = self._config()
        worker = self.operator.tracker.worker_status()
        shown: dict[str, Any] = {
            "given": {name: _typed(config.get(name)) for name in ("strict", "loose")}
            | {"unknown_folder": config.get("unknown_folder", False), "pack": ""},
            "problems": {},
            "trouble": trouble or worker["trouble"],
            "persons": self._persons() if config["made"] else [],
            "running": worker["running"],
            "said": self._state(worker),
        }
        return _page("job.html", status, here="job", config=config, chosen=chosen, **shown | more)

    def folders(self, chosen: Chosen, purpose: str, place: str) -> Response:
        """The page on which a folder is chosen."""
        trouble, found = "", Folders("", tuple(self.operator.service.options.roots))
        try:
            found = self.operator.places.folders(place)
        except FacesortError as error:
            trouble = self.operator.places.said(error)
        parts = found.place.split("/") if found.place else []
        if purpose == "output":
            with_this = Chosen(chosen.sources, found.place)
        else:
            with_this = Chosen((*chosen.sources, found.place), chosen.output)
        return _page(
            "folders.html",
            400 if trouble else 200,
            chosen=chosen,
            purpose=purpose,
            folders=found,
            trouble=trouble,
            crumbs=[(part, "/".join(parts[: n + 1])) for n, part in enumerate(parts)],
            with_this=with_this.query,
            photos=self._count(found.place),
        )

    def tracker(self) -> Response:
        """The page `/tracker`."""
        worker, trouble = self.operator.tracker.worker_status(), ""
        try:
            progress = self.operator.tracker.progress()
        except FacesortError as error:
            progress = {"state": "unreadable", "photos": {"total": 0}}
            trouble = self.operator.places.said(error)
        config, _ = self._config()
        return _page(
            "tracker.html",
            here="tracker",
            spoken=self._state(worker),
            trouble=trouble or worker["trouble"],
            worker=worker,
            running=worker["running"],
            made=config["made"],
            output=config["output"],
            photos=progress["photos"],
            done=progress.get("done", 0),
            rate=progress.get("images_per_second"),
            left=_duration(progress.get("eta_seconds") or 0),
            persons=progress.get("persons", {}),
            failures=progress.get("failures", []),
        )

    def picture(self, name: str) -> bytes:
        """A person's first reference.

        Raises
        ------
        FacesortError
            If there is no workspace, or a sort has its database.
        """
        workspace = open_workspace(self.operator.service.options.workspace)
        pack = self.operator.packs.of(workspace)
        with self.operator.places.turn, workspace.open_store(read_only=True) as store:
            person = find_person(store, name)
            known = references_of(store, person.person_id, pack.pack_id) if person else []
        return known[0].crop if known else b""

    def _config(self) -> tuple[dict[str, Any], str]:
        try:
            return self.operator.config(), ""
        except FacesortError as error:
            nothing = {"made": False, "sources": [], "output": None, "pack": None, "packs": []}
            return nothing, self.operator.places.said(error)

    def _persons(self) -> list[dict[str, Any]] | None:
        try:
            return self.operator.persons()
        except FacesortError:
            return None  # a sort has the database

    def _state(self, worker: dict[str, Any]) -> str:
        try:
            state = self.operator.tracker.progress()["state"]
        except FacesortError:
            return "The workspace cannot be read."
        if worker["running"] and state != "running":
            state = "starting"
        return _STATES.get(state, str(state))

    def _count(self, place: str) -> str:
        """How many photos lie in a folder, by their names."""
        if not place:
            return ""
        try:
            entries = self.operator.places.path_of(place).iterdir()
            names = (entry.name for entry, _ in zip(entries, range(_MOST_COUNTED), strict=False))
            number = sum(photo_kind(name) is PhotoKind.PHOTO for name in names)
        except (OSError, FacesortError):
            return ""
        return f"{several(number, 'photo')} directly in it; folders inside it count too."


def _page(name: str, status: int = 200, **shown: Any) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(name).render(shown), status)


def _typed(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else several(minutes, "minute")


def _chosen(
    source: Annotated[list[str], Query()] = [],  # noqa: B006  # FastAPI copies it
    output: str = "",
    within: str = "",
    new: str = "",
) -> Chosen:
    """Folders of the address; `new` is a folder that is to be made in `within`."""
    new_output = f"{within}/{new.strip()}" if within and new.strip() else output
    return Chosen(tuple(dict.fromkeys(source)), new_output)


def router(operator: Operator) -> APIRouter:
    """The pages, and where their forms go."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(required(operator.service))])
    pages = Pages(operator)
    _add_pages(routes, pages)
    _add_forms(routes, pages)
    return routes


def _add_pages(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/")
    def job(chosen: Annotated[Chosen, Depends(_chosen)], saved: bool = False) -> Response:
        return pages.job(chosen, saved=saved)

    @routes.get("/folders")
    def folders(
        chosen: Annotated[Chosen, Depends(_chosen)],
        purpose: Annotated[str, Query(alias="for")] = "source",
        place: Annotated[str, Query(alias="in", max_length=4000)] = "",
    ) -> Response:
        return pages.folders(chosen, purpose, place)

    @routes.get("/tracker")
    def tracker() -> Response:
        return pages.tracker()

    @routes.get("/picture")
    def picture(person: str) -> Response:
        try:
            jpeg = pages.picture(person)
        except FacesortError as error:
            raise HTTPException(409, pages.operator.places.said(error)) from error
        return Response(jpeg, 200 if jpeg else 404, media_type="image/jpeg")


def _add_forms(routes: APIRouter, pages: Pages) -> None:
    operator = pages.operator

    @routes.post("/job")
    def change(
        source: Annotated[list[str], Form()] = [],  # noqa: B006
        output: Annotated[str, Form()] = "",
        pack: Annotated[str, Form()] = "",
        strict: Annotated[str, Form()] = "",
        loose: Annotated[str, Form()] = "",
        unknown_folder: Annotated[bool, Form()] = False,
    ) -> Response:
        given = {"strict": strict, "loose": loose, "unknown_folder": unknown_folder, "pack": pack}
        try:
            wanted = {name: value or None for name, value in given.items()}
            wanted |= {
                "unknown_folder": unknown_folder,
                "sources": source,
                "output": output or None,
            }
            operator.change(JobConfig.model_validate(wanted))
        except (FieldsError, ValidationError, FacesortError) as error:
            told = _told(pages, error)
            return pages.job(Chosen(tuple(source), output), 422, given=given, **told)
        return RedirectResponse("/?saved=true", 303)

    @routes.post("/people")
    def offer(
        photos: list[UploadFile],
        name: Annotated[str, Form()] = "",
        face: Annotated[str, Form()] = "",
        force: Annotated[bool, Form()] = False,
    ) -> Response:
        number = int(face) if face.isdecimal() and len(face) < 5 and int(face) else None
        try:
            found = seed_person(operator.places, name, uploads_of(photos), face=number, force=force)
        except FacesortError as error:
            return pages.job(Chosen(), 422, **_told(pages, error))
        accepted = sum(photo["accepted"] for photo in found)
        told = {"name": name, "photos": found, "accepted": accepted}
        return pages.job(Chosen(), told=told | {"refused": len(found) - accepted})

    @routes.post("/sort")
    def start() -> Response:
        try:
            operator.sorting.start()
        except FacesortError as error:
            return pages.job(Chosen(), 409, **_told(pages, error))
        return RedirectResponse("/tracker", 303)

    @routes.post("/sort/stop")
    def stop() -> Response:
        try:
            operator.sorting.stop()
        except FacesortError as error:
            return pages.job(Chosen(), 400, **_told(pages, error))
        return RedirectResponse("/tracker", 303)


def _told(pages: Pages, error: Exception) -> dict[str, Any]:
    """What a page says about an error: beside its field, or at the top."""
    if isinstance(error, FieldsError):
        return {"problems": error.fields}
    if isinstance(error, ValidationError):
        return {"problems": {str(e["loc"][0]): e["msg"] for e in error.errors()}}
    return {"trouble": pages.operator.places.said(error)}
