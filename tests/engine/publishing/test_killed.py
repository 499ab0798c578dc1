"""Publishing is killed at random moments, also in a file that goes in parts, and begun again until it is done."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from object_stores import client, proxy
from publishing_event import FAST, all_and, logged, states
from synthetic_event import tree

from facesort.core.delivery.objects import Destination
from facesort.engine.publishing.publish import publish
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("killed_publish.py")
TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    for number in range(3):
        (folder / f"{number}.arw").write_bytes(random.Random(number).randbytes(25 << 20))
    return folder


def in_parts(destination: Destination) -> bool:
    """Whether the server has an upload in parts that is not complete."""
    try:
        found = client(destination.endpoint).list_multipart_uploads(Bucket=destination.bucket)
    except ClientError:  # what rclone says when there is none
        return False
    return "Uploads" in found


def kill_after(
    seconds: float | None, workspace: Workspace, destination: Destination, large: Path
) -> bool:
    """Start a publish and kill it; whether it was still at work.

    So many seconds after it began; None: when the server has an upload in parts.
    """
    url = f"s3://{destination.bucket}/{destination.prefix}"
    command = [sys.executable, str(PROGRAM), str(workspace.root), url, destination.endpoint]
    process = subprocess.Popen(
        [*command, str(large)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while seconds is None and process.poll() is None and not in_parts(destination):
            time.sleep(0.005)
        time.sleep(seconds or 0)
        alive = process.poll() is None
        process.kill()
    return alive


@dataclass
class Kills:
    """How often a publish was killed at work, and while the server had an upload in parts."""

    at_work: int = 0
    in_parts: int = 0


def kill_and_finish(
    event: Workspace, large: Path, endpoint: str, folder: Path, moments: list[float | None]
) -> Kills:
    """Kill a publish into a new bucket once at each moment, let another one end, and look at what is there."""
    kills, bucket = Kills(), f"bucket-{uuid4().hex[:12]}"
    client(endpoint).create_bucket(Bucket=bucket)
    destination = Destination.parse(f"s3://{bucket}/gala", endpoint)
    for moment in moments:
        kills.at_work += kill_after(moment, event, destination, large)
        kills.in_parts += in_parts(destination)
    with proxy(endpoint) as between:
        last = publish(event, destination, all_and(large), FAST)
        again = publish(
            event, replace(destination, endpoint=between.endpoint), all_and(large), FAST
        )
        put = [r for r in between.requests if r.method in ("PUT", "POST")]
    wanted = logged(event) | {f"Large/{name}": sha for name, sha in tree(large).items()}
    assert tree(folder / bucket / "gala") == wanted
    assert (last.dead, last.left_out, states(event, destination)) == ({}, {}, {"sent": len(wanted)})
    # A ledger that knows nothing, as that of another workspace: all is found, none is sent.
    assert (again.sent, again.found, put) == (0, len(wanted), [])
    return kills


def test_a_publish_that_is_killed_goes_on(
    event: Workspace, large: Path, rclone_endpoint: str, rclone_folder: Path
) -> None:
    kills = kill_and_finish(event, large, rclone_endpoint, rclone_folder, [0.3, 0.6])

    assert kills.at_work == 2


@pytest.mark.slow
def test_a_publish_that_is_killed_50_times_loses_and_doubles_nothing(
    event: Workspace, large: Path, rclone_endpoint: str, rclone_folder: Path, whole_campaign: bool
) -> None:
    chance = random.Random(20261128)
    total = Kills()
    wanted = 50 if whole_campaign else 6
    while total.at_work < wanted:
        moments = [chance.uniform(0.02, 1.5), chance.uniform(0.02, 1.5), None]
        kills = kill_and_finish(event, large, rclone_endpoint, rclone_folder, moments)
        total.at_work += kills.at_work
        total.in_parts += kills.in_parts
    log.info("%s", total)
    assert total.in_parts > 0
