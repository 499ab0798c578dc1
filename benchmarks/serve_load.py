"""Load on `facesort serve`: 50 clients at once in another process, against collections of drawn faces.

python benchmarks/serve_load.py --assets ASSETS [--faces 10000 100000 1000000] [--rounds 3] [--data FOLDER]
                               [--video CLIP]

Prints one table in Markdown.  Requests are signed before the clock starts, so that CPU is the server's own; a client
sends its next request when it has the answer to the last, and sends again what was throttled.  Answers under load are
compared with those to the same requests one after the other.  With --video, one client searches photos, in turns alone
and while the clip is searched.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import numpy as np
import psutil
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsCredentials
from figures import run_benchmark

from facesort.clock import utc_now
from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import Collection, IndexedFace, NewFaces
from facesort.engine.collections.folder import state_folder
from facesort.engine.collections.opening import open_collections
from facesort.errors import ItemExistsError
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.serve.access.credentials import known_credentials

OF_A_PERSON, CHUNK = 10, 10_000
WAIT_S = 1.0


@dataclass(frozen=True)
class Ask:
    """One operation with its parameters, as JSON."""

    operation: str
    body: bytes


@dataclass
class Told:
    """What one run of clients saw; a list item for each request, in the order of the questions."""

    seconds: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    throttled: int = 0
    wall_s: float = 0.0


def person_faces(chance: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Faces of persons with ten each: about 0.8 from each other, others about 1.4."""
    people = chance.standard_normal((count // OF_A_PERSON + 1, dim), np.float32)
    rows = np.repeat(people, OF_A_PERSON, axis=0)[:count]
    rows = rows + chance.standard_normal(rows.shape, np.float32) * 0.7
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(store: FaceCollections, pack: ModelPack, name: str, count: int, dim: int) -> None:
    with suppress(ItemExistsError):
        store.create(Collection(name, utc_now(), pack.pack_id, dim, pack.strict, pack.loose))
        chance = np.random.default_rng(count)
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            faces = tuple(
                IndexedFace(
                    face_id(start + i),
                    str(UUID(int=i)),
                    None,
                    (0.1, 0.1, 0.5, 0.5),
                    99.0,
                    pack.pack_id,
                )
                for i in range(size)
            )
            store.add(name, NewFaces(faces, person_faces(chance, size, dim)))


def face_id(number: int) -> str:
    return str(UUID(int=(number * 0x9E3779B97F4A7C15 % 2**64) << 64 | number))


@contextmanager
def serving(data: Path, pack: str, assets: Path, *more: str) -> Iterator[tuple[str, int]]:
    """A service of its own; its URL and process id."""
    command = [sys.executable, "-m", "facesort", "serve", "-w", str(data / "workspace")]
    command += ["--data", str(data), "--pack", str(assets / "models" / pack), "--port", "0"]
    with (data / "log").open("w") as log:
        process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            words = (word for line in process.stdout for word in line.split())
            url = next(word.rstrip("/,") for word in words if word.startswith("http://"))
            while True:
                with suppress(httpx.HTTPError):
                    httpx.get(f"{url}/health")
                    break
                time.sleep(0.1)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(60)


def signed(asks: list[Ask], url: str, keys: AwsCredentials) -> list[bytes]:
    """The requests as bytes on the wire; each with an id of its own, as SDKs send it."""
    host = url.removeprefix("http://")
    signer = SigV4Auth(keys, "rekognition", "us-east-1")
    wire = []
    for ask in asks:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "Host": host,
            "X-Amz-Target": f"RekognitionService.{ask.operation}",
        }
        request = AWSRequest("POST", f"{url}/", headers=headers, data=ask.body)
        signer.add_auth(request)
        headers = dict(request.headers.items()) | {
            "Content-Length": str(len(ask.body)),
            "amz-sdk-invocation-id": str(uuid4()),
        }
        lines = [f"{name}: {value}" for name, value in headers.items()]
        wire.append("\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + ask.body)
    return wire


async def exchange(streams: tuple, request: bytes) -> tuple[int, bytes]:
    reader, writer = streams
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.split("content-length:")[1].split("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def clients(url: str, keys: AwsCredentials, asks: list[Ask], at_once: int) -> Told:
    host, port = url.removeprefix("http://").rsplit(":", 1)
    wire, told = signed(asks, url, keys), Told([0.0] * len(asks), [b""] * len(asks))
    left = iter(range(len(asks)))

    async def client() -> None:
        streams = await asyncio.open_connection(host, int(port))
        for number in left:
            began, request = time.perf_counter(), wire[number]
            while True:
                status, body = await exchange(streams, request)
                if b"ThrottlingException" not in body:
                    break
                told.throttled += 1
                streams[1].close()
                await asyncio.sleep(WAIT_S)
                streams = await asyncio.open_connection(host, int(port))
                (request,) = signed([asks[number]], url, keys)
            assert status == 200, body
            told.seconds[number], told.answers[number] = time.perf_counter() - began, body
        streams[1].close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    told.wall_s = time.perf_counter() - began
    return told


def in_another_process(url: str, keys: AwsCredentials, asks: list[Ask], at_once: int) -> Told:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (url, keys, asks, at_once))


def _run(url: str, keys: AwsCredentials, asks: list[Ask], at_once: int) -> Told:
    return asyncio.run(clients(url, keys, asks, at_once))


def cpu_s(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(sum(p.cpu_times()[:2]) for p in [root, *root.children(recursive=True)])


def searches(name: str, count: int, number: int) -> list[Ask]:
    picked = np.random.default_rng(number).choice(count, number, replace=count < number)
    asked = [{"CollectionId": name, "FaceId": face_id(int(i)), "MaxFaces": 10} for i in picked]
    return [Ask("SearchFaces", json.dumps(body).encode()) for body in asked]


def photo_searches(name: str, assets: Path, number: int) -> list[Ask]:
    photos = itertools.islice(sorted((assets / "photos" / "lfw").rglob("*.jpg")), number)
    bodies = [
        {"CollectionId": name, "Image": {"Bytes": base64.b64encode(p.read_bytes()).decode()}}
        for p in photos
    ]
    return [Ask("SearchFacesByImage", json.dumps(body).encode()) for body in bodies]


def measured(
    what: str,
    url: str,
    pid: int,
    keys: AwsCredentials,
    asks: list[Ask],
    options: argparse.Namespace,
) -> None:
    """Print one row of the table."""
    in_another_process(url, keys, asks[: options.clients], options.clients)  # warm
    alone = in_another_process(url, keys, asks[: options.alone], 1)
    rows, rates, costs, throttled = [], [], [], 0
    for _ in range(options.rounds):
        before = cpu_s(pid)
        told = in_another_process(url, keys, asks, options.clients)
        costs.append(1000 * (cpu_s(pid) - before) / len(asks))
        rows.append(np.percentile(told.seconds, [50, 95, 99]) * 1000)
        rates.append(len(asks) / told.wall_s)
        throttled += told.throttled
        assert all(told.answers), "a request was lost"
        same = alone.answers == told.answers[: options.alone]
        assert same, "an answer under load is not the one that the request gets alone"
    shown = [f"{np.median(v):.0f} ({min(v):.0f} to {max(v):.0f})" for v in zip(*rows, strict=True)]
    cells = [what, f"{1000 * np.median(alone.seconds):.1f}", *shown]
    cells += [f"{np.median(rates):.0f}", f"{np.median(costs):.1f}", f"{throttled}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def beside_a_video(
    name: str, url: str, keys: AwsCredentials, clip: Path, options: argparse.Namespace
) -> None:
    """Print how long photos take alone, and while a clip is searched, in turns."""
    ask = partial(in_another_process, url, keys)
    video = {"S3Object": {"Bucket": "clips", "Name": clip.name}}
    start = Ask("StartFaceSearch", json.dumps({"CollectionId": name, "Video": video}).encode())
    photos = photo_searches(name, options.assets, options.alone)
    ask(photos, 1)  # warm
    alone: list[float] = []
    beside: list[float] = []
    walls: list[float] = []
    for _ in range(options.rounds):
        alone += ask(photos, 1).seconds
        began = time.perf_counter()
        job = json.loads(ask([start], 1).answers[0])
        look = Ask("GetFaceSearch", json.dumps(job).encode())
        while b"IN_PROGRESS" in ask([look], 1).answers[0]:
            beside += ask(photos[:10], 1).seconds
        walls.append(time.perf_counter() - began)
    for what, seconds in (("alone", alone), ("while a video is searched", beside)):
        p50, p95 = np.percentile(seconds, [50, 95]) * 1000
        print(f"SearchFacesByImage {what}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, n={len(seconds)}")
    print(f"{clip.name}: {', '.join(f'{wall:.0f}' for wall in walls)} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--pack", default="mbf128")
    parser.add_argument("--pack-dim", type=int, default=128, help="length of the pack's embeddings")
    parser.add_argument("--dim", type=int, default=512, help="of the faces that are searched by id")
    parser.add_argument("--faces", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--alone", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="keeps the filled collections for the next run")
    parser.add_argument("--postgres", help="URL of a database that is filled, and stays so")
    parser.add_argument(
        "--video", type=Path, help="a clip that is searched meanwhile; instead of all else"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = state_folder((options.data or Path(folder) / "data").absolute())
        pack = resolve_pack(str(options.assets / "models" / options.pack), [])
        store = open_collections(data, options.postgres)
        for count in options.faces:
            fill(store, pack, f"faces-{count}", count, options.dim)
            fill(store, pack, f"photos-{count}", count, options.pack_dim)
        store.close()
        more = ["--postgres", options.postgres] if options.postgres else []
        more += ["--bucket", f"clips={options.video.parent}"] if options.video else []
        load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
        print(
            f"{os.cpu_count()} cores, load before {load}; {options.clients} clients, pack {pack.name}\n"
        )
        with serving(data, options.pack, options.assets, *more) as (url, pid):
            known = known_credentials(data)
            assert known is not None
            keys = AwsCredentials(known.access_key_id, known.secret)
            if options.video:
                beside_a_video(f"photos-{options.faces[0]}", url, keys, options.video, options)
                return
            print(
                "| request | alone, ms | p50, ms | p95 | p99 | per second | CPU ms of the server | throttled |"
            )
            print("|---|---|---|---|---|---|---|---|", flush=True)
            for count in options.faces:
                what = f"SearchFaces, {count:,} faces"
                asks = searches(f"faces-{count}", count, min(options.requests, count))
                measured(what, url, pid, keys, asks, options)
            for count in options.faces:
                what = f"SearchFacesByImage, {count:,} faces"
                asks = photo_searches(f"photos-{count}", options.assets, options.photos)
                measured(what, url, pid, keys, asks, options)
            many = argparse.Namespace(
                **vars(options) | {"clients": 2 * options.clients, "rounds": 1}
            )
            measured(f"the same, {many.clients} clients", url, pid, keys, asks, many)


if __name__ == "__main__":
    run_benchmark(main, ["facesort/serve/rekognition", "facesort/core/collections"])
