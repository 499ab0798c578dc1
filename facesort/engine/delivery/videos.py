"""Who is seen in the clips of a delivery, and when: a list for programs, and chapters for players."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from facesort.core.delivery.appearances import segments, webvtt
from facesort.core.delivery.routing import clip_name
from facesort.core.persons.gallery import Person
from facesort.core.stored import StoredPhoto
from facesort.engine.delivery.index import DeliveredFile
from facesort.engine.delivery.plan import Delivery

VIDEOS = "_videos.json"
SCHEMA_VERSION = 1


def list_of_videos(
    delivery: Delivery, people: Mapping[str, Person], copies: Iterable[DeliveredFile]
) -> bytes:
    """When everybody is seen in which clips, by person, as JSON; of those only to whom they are delivered.

    Parameters
    ----------
    people : mapping of folder to Person
    copies : iterable of DeliveredFile
        What was delivered, of photos too.
    """
    files = defaultdict[tuple[int, str], list[str]](list)
    for copy in copies:
        files[copy.photo_id, copy.folder].append(copy.file)
    seen = defaultdict[str, list[dict[str, Any]]](list)
    for key, folders in delivery.clips.items():
        for folder in people.keys() & set(folders):
            told = _clip(delivery.photos[key], people[folder])
            seen[folder].append({**told, "files": sorted(files[key, folder])})
    persons = [
        {"person": people[folder].name, "folder": folder, "clips": seen[folder]}
        for folder in sorted(seen)
    ]
    return json.dumps({"schema": SCHEMA_VERSION, "persons": persons}, indent=1).encode()


def _clip(clip: StoredPhoto, person: Person) -> dict[str, Any]:
    return {
        "clip": clip.photo.path,
        "sha256": clip.sha256,
        "taken_at": None if clip.taken_at is None else clip.taken_at.isoformat(),
        "duration_ms": clip.clip.duration_ms if clip.clip else None,
        "segments": [asdict(segment) for segment in segments(clip, person.person_id)],
    }


def chapter_files(delivery: Delivery, people: Mapping[str, Person]) -> dict[str, bytes]:
    """A file of chapters in each person's folder for each clip of which there is something in it, by name."""
    found = {}
    for key, folders in delivery.clips.items():
        clip = delivery.photos[key]
        here = {people[f].person_id: people[f].name for f in folders if f in people}
        name = clip_name(clip.photo.path, clip.sha256).rpartition(".")[0]
        for folder in delivery.folders.get(key, ()):
            if folder in people:
                found[f"{folder}/{name}.vtt"] = webvtt(clip, here)
    return found
