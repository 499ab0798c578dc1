"""The operator and the tracker as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, UploadFile
from fastapi.responses import StreamingResponse

from facesort.errors import FacesortError, StoreLockedError, WorkspaceBusyError
from facesort.serve.access import required
from facesort.serve.access.errors import FieldsError, Refusal
from facesort.serve.operator.gallery import Upload, persons, seed_person
from facesort.serve.operator.job_config import JobConfig, read_config, write_config
from facesort.serve.operator.packs import Packs
from facesort.serve.operator.places import Places
from facesort.serve.operator.sorting import Sorting
from facesort.serve.operator.tracker import Tracker
from facesort.serve.service import Service

_REFUSALS = {
    400: "It cannot be done as asked.",
    401: "The token is missing or wrong.",
    409: "A sort is running.",
    422: "A field is not as it must be.",
    503: "Too much is waiting.",
}


@dataclass(frozen=True, slots=True)
class Operator:
    """What the routes and the pages share."""

    service: Service
    places: Places
    packs: Packs
    sorting: Sorting
    tracker: Tracker

    @classmethod
    def of(cls, service: Service) -> Operator:
        """The operator of a service."""
        places = Places(service.options)
        sorting = Sorting(places)
        packs = Packs(service.options.workspace, service.pack)
        return cls(service, places, packs, sorting, Tracker(places, sorting))

    def config(self) -> dict[str, Any]:
        """The job as it is."""
        return read_config(self.places, self.packs)

    def change(self, wanted: JobConfig) -> None:
        """Make the job, or change it."""
        with self.places.turn:
            write_config(self.places, self.packs, wanted)

    def persons(self) -> list[dict[str, Any]]:
        """All persons."""
        return persons(self.places, self.tracker.progress().get("persons", {}))


def uploads_of(photos: Sequence[UploadFile]) -> list[Upload]:
    """Photos of a form, without the empty field of a form in which none was chosen."""
    return [Upload(photo.filename, photo.file.read()) for photo in photos if photo.filename]


def router(operator: Operator) -> APIRouter:
    """Routes under ``/api/operator`` and ``/api/tracker``."""
    routes = APIRouter(
        dependencies=[Depends(required(operator.service))],
        responses={code: {"model": Refusal, "description": why} for code, why in _REFUSALS.items()},
    )
    _add_operator(routes, operator)
    _add_tracker(routes, operator)
    return routes


def _add_operator(routes: APIRouter, operator: Operator) -> None:
    places = operator.places

    @routes.get("/api/operator/job-config", tags=["operator"])
    def job_config() -> dict[str, Any]:
        """The job: folders, model pack, thresholds."""
        with _explained(places):
            return operator.config()

    @routes.post("/api/operator/job-config", tags=["operator"])
    def change_job_config(wanted: JobConfig) -> dict[str, Any]:
        """Make the workspace, or change it."""
        with _explained(places):
            operator.change(wanted)
            return operator.config()

    @routes.get("/api/operator/folders", tags=["operator"])
    def folders(place: Annotated[str, Query(alias="in", max_length=4000)] = "") -> dict[str, Any]:
        """Sub-folders that can be chosen; without `in`, the roots."""
        with _explained(places):
            return asdict(places.folders(place))

    @routes.get("/api/operator/persons", tags=["operator"])
    def all_persons() -> dict[str, Any]:
        """Persons with their folders, references and files."""
        with _explained(places):
            return {"persons": operator.persons()}

    @routes.post("/api/operator/seed-person", tags=["operator"])
    def seed_one(
        name: Annotated[str, Form(min_length=1, max_length=200)],
        photos: list[UploadFile],
        face: Annotated[int | None, Form(ge=1, le=1000)] = None,
        force: Annotated[bool, Form()] = False,
    ) -> dict[str, Any]:
        """Offer photos as references of a person; each is accepted, or refused with a reason."""
        with _explained(places):
            uploads = uploads_of(photos)
            return {"photos": seed_person(places, name, uploads, face=face, force=force)}

    @routes.post("/api/operator/sort", tags=["operator"], status_code=202)
    def start() -> dict[str, Any]:
        """Start a sort, or go on with one that was interrupted."""
        with _explained(places):
            operator.sorting.start()
        return operator.tracker.worker_status()

    @routes.post("/api/operator/sort/stop", tags=["operator"], status_code=202)
    def stop() -> dict[str, bool]:
        """Stop the sort as Ctrl-C does."""
        with _explained(places):
            return {"stopped": operator.sorting.stop()}


def _add_tracker(routes: APIRouter, operator: Operator) -> None:
    tracker = operator.tracker

    @routes.get("/api/tracker/progress", tags=["tracker"])
    def progress() -> dict[str, Any]:
        """Counts that add up, rate and seconds left; also while a sort runs."""
        with _explained(operator.places):
            return tracker.progress()

    @routes.get("/api/tracker/worker-status", tags=["tracker"])
    def worker_status() -> dict[str, Any]:
        """The process that sorts."""
        return tracker.worker_status()

    async def _seat() -> AsyncIterator[None]:
        with tracker.seat():  # until the answer has ended
            yield

    @routes.get("/api/tracker/events", include_in_schema=False, dependencies=[Depends(_seat)])
    async def events() -> StreamingResponse:
        """Server-sent events: the progress, when it changes."""
        return StreamingResponse(tracker.events(), media_type="text/event-stream")


@contextmanager
def _explained(places: Places) -> Iterator[None]:
    """Expected errors of a workspace as answers, without a path of this machine."""
    try:
        yield
    except FieldsError:  # see `access.errors`
        raise
    except (WorkspaceBusyError, StoreLockedError) as error:
        raise HTTPException(409, places.said(error)) from error
    except FacesortError as error:
        raise HTTPException(400, places.said(error)) from error
