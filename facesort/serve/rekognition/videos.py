"""Operations on videos: a job searches a collection, and is asked for what it found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facesort.core.collections.records import Collection
from facesort.core.collections.seen import SeenVideo
from facesort.core.collections.similarity import AT_LOOSE
from facesort.engine.collections.videos import still_there
from facesort.errors import BusyError
from facesort.serve.access.refusal import RefusedRequest
from facesort.serve.rekognition import shapes
from facesort.serve.rekognition.buckets import find_object
from facesort.serve.rekognition.context import Answer, Context
from facesort.serve.rekognition.errors import invalid
from facesort.serve.videos.jobs import Job, State, StoredVideo, Wanted
from facesort.serve.watch import note

MOST_LISTED = 1000
_MOST_BYTES = 10_737_418_240  # Rekognition's own limit
Rows = NDArray[np.int64]
_STATUSES = {State.DONE: "SUCCEEDED", State.FAILED: "FAILED"}


def start_face_search(context: Context) -> Answer:
    """Let a video of a bucket be searched."""
    if "NotificationChannel" in context.parameters:
        raise invalid(
            "this service sends no notifications, and who waits for one waits forever: leave out NotificationChannel, "
            "and ask GetFaceSearch"
        )
    collection = context.service.comparable(context.collection_id)
    video: Answer = context.parameters["Video"].get("S3Object", {})
    path, size = find_object(context.service.options.buckets, video, "Video.S3Object")
    if size > _MOST_BYTES:
        raise RefusedRequest(
            "VideoTooLargeException",
            f"the video has {size:,} bytes, at most {_MOST_BYTES:,} are allowed: cut it into pieces",
        )
    wanted = Wanted(
        collection,
        path,
        collection.scale.distance(context.get("FaceMatchThreshold", AT_LOOSE)),
        StoredVideo(video["Bucket"], video["Name"]),
        context.get("JobTag"),
        context.once(),
    )
    try:
        return {"JobId": context.service.videos.submit(wanted).job_id}
    except BusyError as error:
        raise RefusedRequest("LimitExceededException", str(error)) from error


def get_face_search(context: Context) -> Answer:
    """How far a job is, and whom it found."""
    job = context.service.videos.job(context.parameters["JobId"])
    note(collection=job.wanted.collection.collection_id)
    if job.seen is None:
        return _described(job)
    seen, sort_by = job.seen, context.get("SortBy", "TIMESTAMP")
    of_face, row = _order(seen, by_index=sort_by == "INDEX")

    def find(after: str, limit: int) -> list[int]:
        start = int(after) + 1 if after else 0
        return list(range(start, min(start + limit, len(row))))

    page, more = context.listed(find, str, most=MOST_LISTED, asked=(job.job_id, sort_by))
    matches = _matches(context, job.wanted.collection, seen, {int(of_face[at]) for at in page})
    persons = [_person(seen, int(of_face[at]), int(row[at]), matches) for at in page]
    return _described(job) | {"VideoMetadata": _metadata(seen), "Persons": persons} | more


def _described(job: Job) -> Answer:
    """The job itself."""
    wanted = job.wanted
    optional = {
        "StatusMessage": job.why or (job.seen.damage if job.seen is not None else "") or None,
        "JobTag": wanted.tag,
        "Video": wanted.video
        and {"S3Object": {"Bucket": wanted.video.bucket, "Name": wanted.video.name}},
    }
    return {"JobId": job.job_id, "JobStatus": _STATUSES.get(job.state, "IN_PROGRESS")} | {
        name: value for name, value in optional.items() if value is not None
    }


def _metadata(seen: SeenVideo) -> Answer:
    """What the video is; without a frame rate, which it need not have."""
    return {
        "Codec": seen.clip.codec,
        "DurationMillis": seen.clip.duration_ms,
        "Format": seen.format,
        "FrameHeight": seen.height,
        "FrameWidth": seen.width,
    }


def _order(seen: SeenVideo, *, by_index: bool) -> tuple[Rows, Rows]:
    """Which face, and which of its samples, each entry of the whole list is."""
    times_of = [face.track.times_ms for face in seen.faces]
    of_face = np.repeat(np.arange(len(times_of)), np.array([*map(len, times_of)], np.int64))
    row = np.concatenate([np.empty(0, np.int64), *(np.arange(len(times)) for times in times_of)])
    times = np.concatenate([np.empty(0, np.int32), *times_of])
    order = np.lexsort((times, of_face) if by_index else (of_face, times))
    return of_face[order], row[order]


def _matches(
    context: Context, collection: Collection, seen: SeenVideo, indices: set[int]
) -> dict[int, list[Answer]]:
    """Faces of the collection that each face looks like; those that were deleted since are left out."""
    asked = [seen.faces[index] for index in sorted(indices)]
    there = still_there(context.collections, collection, asked)
    matches = {}
    for index in indices:
        near = [(there[key], distance) for key, distance in seen.faces[index].near if key in there]
        alike = shapes.similarities(collection.scale, [distance for _, distance in near])
        matches[index] = [
            {"Similarity": similarity, "Face": shapes.face(face)}
            for similarity, (face, _) in zip(alike, near, strict=True)
        ]
    return matches


def _person(seen: SeenVideo, index: int, row: int, matches: Mapping[int, list[Answer]]) -> Answer:
    """One face at one time; all about it as it is at its best, else its box.

    Nothing here looks for bodies, so the box of a person is that of the face.
    """
    face = seen.faces[index]
    ms = int(face.track.times_ms[row])
    left, top, right, bottom = (face.track.boxes[row] / ([seen.width, seen.height] * 2)).tolist()
    box = shapes.box((left, top, right - left, bottom - top))
    detail = shapes.detail(face.best) if ms == face.track.best_ms else {"BoundingBox": box}
    said = {"FaceMatches": matches[index]} if matches[index] else {}
    return {"Timestamp": ms, "Person": {"Index": index, "BoundingBox": box, "Face": detail}} | said
