"""`facesort serve` that is killed while clients index and delete: what it answered is so, and nothing is half done."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import BotoCoreError, ConnectionClosedError
from drawn_service import credentials, drawn, rekognition_at, started
from torture.campaign import Ledger

pytestmark = pytest.mark.slow
KILLS = "kills survived: the service, while clients index and delete"
FACES = 3  # of one photo
INDEXING = 3  # clients


@pytest.fixture(params=["duckdb", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.getfixturevalue("postgres").url if request.param == "postgres" else ""


@dataclass
class Told:
    """What clients were told, by photo: the ids of its faces."""

    there: dict[str, frozenset[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    indexing: set[str] = field(default_factory=set)  # sent, and not answered
    deleting: set[str] = field(default_factory=set)


def test_what_was_answered_is_so_after_a_kill(
    tmp_path: Path, url: str, whole_campaign: bool, ledger: Ledger
) -> None:
    kills = 100 if whole_campaign else 4
    chance, told, numbers, unanswered = random.Random(11), Told(), count(), [0, 0]
    data = tmp_path / "service"
    options = ("--postgres", url) if url else ()
    for number in range(kills + 1):
        with started(data, tmp_path, *options) as (process, address):
            known = credentials(data)
            client = rekognition_at(address, known["secret"], known["access_key_id"])
            if number == 0:
                client.create_collection(CollectionId="guests")
            unanswered[0] += len(told.indexing)
            unanswered[1] += len(told.deleting)
            _check(client, told)
            _nothing_else_is_left(data, told)
            if number < kills:
                _act_until_killed(client, told, numbers, process.kill, chance.uniform(0.05, 0.6))
                ledger.count(KILLS)
    assert told.there and told.gone
    assert all(unanswered) or not whole_campaign
    ledger.note(
        f"{len(told.there)} photos stayed, {len(told.gone)} are gone; not answered: {unanswered[0]} IndexFaces, "
        f"{unanswered[1]} DeleteFaces"
    )


def _act_until_killed(
    client: Any, told: Told, numbers: Iterator[int], kill: Callable[[], None], after_s: float
) -> None:
    image = {"Bytes": drawn(*range(1, FACES + 1))}
    lock, begun, killed = threading.Lock(), threading.Event(), threading.Event()

    def answered(answer: dict[str, Any], member: str) -> Any:
        """A member of an answer; boto3 takes one that was cut off for an answer without any."""
        if member not in answer:
            assert killed.is_set()
            raise ConnectionClosedError(endpoint_url=client.meta.endpoint_url)
        return answer[member]

    def index() -> None:
        with lock:
            photo = f"photo-{next(numbers)}.jpg"
            told.indexing.add(photo)
        answer = client.index_faces(CollectionId="guests", Image=image, ExternalImageId=photo)
        faces = frozenset(each["Face"]["FaceId"] for each in answered(answer, "FaceRecords"))
        assert len(faces) == FACES
        with lock:
            told.indexing.discard(photo)
            told.there[photo] = faces
        begun.set()

    def delete() -> None:
        begun.wait(60)
        with lock:
            photo = next(iter(told.there), None)
            if photo is None:
                return
            faces = told.there[photo]
            told.deleting.add(photo)
        answer = client.delete_faces(CollectionId="guests", FaceIds=sorted(faces))
        assert set(answered(answer, "DeletedFaces")) == faces
        with lock:
            told.deleting.discard(photo)
            del told.there[photo]
            told.gone.add(photo)

    def until_it_is_gone(do: Callable[[], None], pause_s: float) -> None:
        try:
            while not killed.is_set():
                do()
                time.sleep(pause_s)
        except BotoCoreError:
            return

    with ThreadPoolExecutor(INDEXING + 1) as threads:
        clients = [threads.submit(until_it_is_gone, index, 0.0) for _ in range(INDEXING)]
        clients.append(threads.submit(until_it_is_gone, delete, 0.05))
        assert begun.wait(60)
        time.sleep(after_s)
        killed.set()
        kill()
        for each in clients:
            each.result(60)


def _check(client: Any, told: Told) -> None:
    """Compare what is there with what was told; what was not answered is known from now on."""
    found: dict[str, set[str]] = {}
    for page in client.get_paginator("list_faces").paginate(CollectionId="guests"):
        for face in page["Faces"]:
            found.setdefault(face["ExternalImageId"], set()).add(face["FaceId"])
    for photo in told.indexing & found.keys():
        assert len(found[photo]) == FACES, "half of a photo was indexed"
        told.there[photo] = frozenset(found[photo])
    for photo in told.deleting - found.keys():
        del told.there[photo]
        told.gone.add(photo)
    assert found == told.there
    counted = client.describe_collection(CollectionId="guests")["FaceCount"]
    assert counted == FACES * len(found)
    if found:
        face = min(min(faces) for faces in found.values())
        answer = client.search_faces(CollectionId="guests", FaceId=face, MaxFaces=4096)
        matches = {match["Face"]["FaceId"] for match in answer["FaceMatches"]}
        assert len(matches) == len(found) - 1  # all photos show the same people
    told.indexing.clear()
    told.deleting.clear()


def _nothing_else_is_left(data: Path, told: Told) -> None:
    """The file of the vectors (DuckDB) holds no more than those that are known."""
    for path in data.glob("collections/*.f32"):
        rows = np.fromfile(path, "<f4").reshape(-1, 128)
        assert rows.any(axis=1).sum() == FACES * len(told.there)
