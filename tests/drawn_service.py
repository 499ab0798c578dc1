"""A service of its own for a test, in this process or another: drawn faces, the synthetic pack, one folder."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import uvicorn
from botocore.config import Config
from PIL import Image

from facesort.core.collections.similarity import SimilarityScale
from facesort.engine.analysis.finder import PooledFinder
from facesort.engine.analysis.video_finder import PooledVideoFinder
from facesort.engine.collections.opening import open_collections
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.protocol import ModelPack
from facesort.serve.app import create_app
from facesort.serve.service import Credentials, Service, ServiceOptions
from facesort.serve.videos.jobs import VideoJobs
from facesort.serve.videos.uploads import Uploads

CREDENTIALS = Credentials("FACESORTTESTKEY00001", "a-token-of-the-tests")


@dataclass(frozen=True)
class Live:
    """A service that listens on this machine.

    Parameters
    ----------
    url : str
        ``http://127.0.0.1:PORT``, without a slash at its end.
    """

    service: Service
    url: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.service.credentials.secret}"}

    def http(self, **more: Any) -> httpx.Client:
        """A client that presents the token."""
        return httpx.Client(base_url=self.url, headers=self.bearer, timeout=60, **more)


def drawn(
    *people: int, variation: int | None = None, edge: int = 240, format: str = "JPEG"
) -> bytes:
    """A grey photo with the face of each identity, side by side, each 96 px wide."""
    pixels = np.full((edge, max(640, 40 + 120 * len(people)), 3), 200, np.uint8)
    for position, identity in enumerate(people):
        left = 20 + 120 * position
        draw_synthetic_face(pixels, (left, 60, left + 96, 156), identity, variation=variation)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format, quality=92)
    return stream.getvalue()


def make_service(folder: Path, pack: ModelPack | None = None, **options: Any) -> Service:
    """A service of its own, with the synthetic pack unless told; `options` are those of `ServiceOptions`."""
    (folder / "photos").mkdir(exist_ok=True)
    (folder / "videos").mkdir(exist_ok=True)
    pack = pack or synthetic_pack()
    finder, collections = PooledFinder(pack, workers=1), open_collections(folder)
    return Service(
        ServiceOptions(
            **{
                "data": folder,
                "workspace": folder / "workspace",
                "roots": {"photos": folder / "photos"},
                "runs": folder / "runs",
                "hosts": ("localhost", "127.0.0.1", "::1", "testserver"),
                "buckets": {"clips": folder / "videos"},
            }
            | options
        ),
        CREDENTIALS,
        collections,
        finder,
        VideoJobs(PooledVideoFinder(pack, workers=1), collections, Uploads(folder)),
        SimilarityScale(finder.pack.strict, finder.pack.loose),
    )


@contextmanager
def listening(service: Service) -> Iterator[Live]:
    """Let a service listen on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen(512)
        server = uvicorn.Server(
            uvicorn.Config(create_app(service), log_config=None, access_log=False, lifespan="on")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield Live(service, f"http://127.0.0.1:{free.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join(30)


def rekognition_at(
    url: str,
    secret: str = CREDENTIALS.secret,
    key_id: str = CREDENTIALS.access_key_id,
    **config: Any,
) -> Any:
    """A boto3 client, as a studio's program would make it."""
    return boto3.client(
        "rekognition",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(**({"retries": {"total_max_attempts": 1}} | config)),
    )


def credentials(data: Path) -> dict[str, str]:
    """Those of a service that was started."""
    return json.loads((data / "credentials.json").read_text())


@contextmanager
def started(
    data: Path, tmp_path: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`facesort serve` in a process of its own, and where it listens."""
    words = ["serve", "--pack", "synthetic", "--workers", "1", "--port", "0"]
    with (
        (tmp_path / "log").open("a") as log,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "facesort", *words, "--data", str(data), *options],
            cwd=tmp_path,
            env=os.environ
            | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"https?://[\w.]+:\d+", line)
            assert found, (line, process.wait(10), (tmp_path / "log").read_text()[-2000:])
            yield process, found[0]
        finally:
            process.kill()
