"""Search a collection in a video that is sent."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Path as InPath, Query, Request, Response, status
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facesort.core.collections.seen import SeenVideo, by_person
from facesort.core.collections.similarity import AT_LOOSE
from facesort.engine.collections.videos import still_there
from facesort.errors import ImageError, ServiceError, because
from facesort.reasons import Reason
from facesort.serve.access.errors import refusals
from facesort.serve.rest import models
from facesort.serve.service import Service
from facesort.serve.videos.jobs import Job, Wanted
from facesort.serve.watch import note

STREAMED = "/api/v1/videos"
"""A path whose body goes into a file, and may be larger than memory."""
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The video.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary", "minLength": 1}}
            for kind in ("application/octet-stream", "video/*")
        },
    }
}
JobId = Annotated[str, InPath(pattern=models.JOB_ID)]


def router(service: Service) -> APIRouter:
    """Routes about videos."""
    routes = APIRouter(tags=["videos"])
    jobs = service.videos

    @routes.post(
        STREAMED,
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=_BODY,
        responses=refusals(404, 409, 413),
    )
    async def search_video(
        request: Request,
        response: Response,
        collection_id: Annotated[str, Query(pattern=models.COLLECTION_ID, max_length=255)],
        similarity: Annotated[float, Query(ge=0, le=100, description="At least this.")] = AT_LOOSE,
    ) -> models.VideoJob:
        """Let the faces of a collection be searched in a video; the answer comes before it is looked at."""
        note(collection=collection_id)
        collection = await run_in_threadpool(service.comparable, collection_id)
        jobs.need_room()
        with ExitStack() as files:
            path = await _received(service, request, files)
            wanted = Wanted(collection, path, collection.scale.distance(similarity))
            job = jobs.submit(wanted, files.pop_all())
        response.headers["Location"] = f"{STREAMED}/{job.job_id}"
        return _told(job)

    @routes.get(STREAMED + "/{job_id}", responses=refusals(404))
    def video_job(job_id: JobId) -> models.VideoJob:
        """How far a search is, and whom it found."""
        job = jobs.job(job_id)
        return _told(job, _found(service, job, job.seen) if job.seen is not None else None)

    @routes.delete(STREAMED + "/{job_id}", status_code=204, responses=refusals(404))
    def forget_video(job_id: JobId) -> None:
        """End a search if it is not over, and forget what it found."""
        note(collection=jobs.job(job_id).wanted.collection.collection_id)
        jobs.remove(job_id)

    return routes


async def _received(service: Service, request: Request, files: ExitStack) -> Path:
    """The body of a request, in a file."""
    try:
        path, stream = await run_in_threadpool(service.videos.uploads.create, files)
        async for piece in request.stream():
            await run_in_threadpool(stream.write, piece)
        size = stream.tell()
        await run_in_threadpool(stream.close)
    except ClientDisconnect as error:
        raise HTTPException(400, "the video did not arrive") from error
    except OSError as error:
        raise ServiceError(
            f"the video cannot be kept until it is searched {because(error)}"
        ) from error
    if not size:
        raise ImageError(Reason.EMPTY_FILE, "send the video as the body of the request")
    return path


def _told(job: Job, found: models.VideoFound | None = None) -> models.VideoJob:
    return models.VideoJob(
        job_id=job.job_id,
        collection_id=job.wanted.collection.collection_id,
        state=job.state,
        detail=job.why,
        reason=job.reason,
        found=found,
    )


def _found(service: Service, job: Job, seen: SeenVideo) -> models.VideoFound:
    collection = job.wanted.collection
    note(collection=collection.collection_id)
    there = still_there(service.collections, collection, seen.faces)
    persons, unknown = by_person(seen.faces, there)
    clip = seen.clip
    return models.VideoFound(
        video=models.Video(
            duration_ms=clip.duration_ms,
            width=seen.width,
            height=seen.height,
            codec=clip.codec,
            every_ms=clip.every_ms,
            damage=seen.damage,
        ),
        persons=[
            models.PersonInVideo(
                user_id=person.face.user_id,
                face=models.StoredFace.of(person.face),
                segments=[
                    models.Segment.of(face, float(collection.scale.similarity(distance)))
                    for face, distance in person.seen
                ],
            )
            for person in persons
        ],
        unknown=[models.Segment.of(face) for face in unknown],
    )
