"""Every file of the output has one word, also one that cannot be read; none is waited for, none is followed."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from disks import file_handles, pipe, unprivileged

from facesort.core.copies import PlannedWrite
from facesort.core.records import PhotoRef
from facesort.engine.delivery.verify import Verification, verify_output
from facesort.errors import ResourceError, resources_explained
from facesort.store.queries.delivery.commit_log import LoggedWrite

posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes and permissions of POSIX")

JPEG = b"\xff\xd8 one photo"
GOOD = "Ada/z_good.jpg"


def logged(target: str) -> LoggedWrite:
    plan = PlannedWrite(7, 1, target, hashlib.sha256(JPEG).hexdigest(), len(JPEG))
    return LoggedWrite(1, plan, PhotoRef(1, "day/a.jpg", source="card-1"))


def verified(output: Path, *targets: str) -> Verification:
    """Verify some files, and then a good one, which comes after them."""
    (output / GOOD).parent.mkdir(exist_ok=True)
    (output / GOOD).write_bytes(JPEG)
    result = verify_output(output, [logged(target) for target in (*targets, GOOD)])
    assert result.verified == 1
    return result


def folder(path: Path) -> None:
    path.mkdir()


def link_to_a_copy(path: Path) -> None:
    (path.parent.parent / "copy").write_bytes(JPEG)
    path.symlink_to("../copy")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def person_is_a_link(path: Path) -> None:
    path.parent.rmdir()
    elsewhere = path.parent.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / path.name).write_bytes(JPEG)
    path.parent.symlink_to("elsewhere")


def person_is_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


@posix
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (folder, "is a folder"),
        (link_to_a_copy, "is a link"),
        (link_to_nothing, "is a link"),
        (loop, "is a link"),
        (person_is_a_link, "is a link"),
        (person_is_a_file, "is a file"),
        (listening, "is a socket"),
    ],
)
def test_what_is_no_file_is_unreadable_and_the_others_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], why: str
) -> None:
    (tmp_path / "Ben").mkdir()
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "Ben" / "a.jpg")
    result = verified(tmp_path, "Ben/a.jpg")
    assert list(result.unreadable) == ["Ben/a.jpg"]
    assert result.unreadable["Ben/a.jpg"].startswith(why)
    assert not result.passed
    assert not result.found_nothing


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "Ben").mkdir()
    with pipe(tmp_path / "Ben" / "a.jpg") as opened:
        result = verified(tmp_path, "Ben/a.jpg")
    assert opened == []
    assert "is a named pipe" in result.unreadable["Ben/a.jpg"]


@posix
@pytest.mark.parametrize("closed", ["Ben/a.jpg", "Ben"])
def test_a_file_that_must_not_be_read_is_unreadable(closed: str) -> None:
    with unprivileged() as output:
        (output / "Ben").mkdir()
        (output / "Ben" / "a.jpg").write_bytes(JPEG)
        (output / closed).chmod(0)
        result = verified(output, "Ben/a.jpg")
        (output / closed).chmod(0o700)
        assert result.unreadable == {"Ben/a.jpg": "Permission denied"}


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that cannot be read")
def test_a_file_that_gives_an_input_output_error_is_unreadable() -> None:
    assert verify_output(Path("/proc"), [logged("self/mem")]).unreadable
    result = verify_output(Path(f"/proc/{os.getpid()}"), [logged("mem")])
    assert result.unreadable == {"mem": "Input/output error"}


@posix
@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("Ada/" + "x" * 300 + ".jpg", "File name too long"),
        ("../secret", "'..'"),
        ("Ben/../../secret", "'..'"),
        ("/etc/hostname", "is not in the subpath"),
        ("Ben/\0.jpg", "null byte"),
    ],
)
def test_a_target_that_is_no_file_of_the_output_is_unreadable(
    tmp_path: Path, target: str, why: str
) -> None:
    """Somebody may have sent the database."""
    (tmp_path / "secret").write_bytes(JPEG)
    (tmp_path / "out").mkdir()
    result = verified(tmp_path / "out", target)
    assert why in result.unreadable[target]


@posix
def test_without_file_handles_no_file_is_called_unreadable(tmp_path: Path) -> None:
    (tmp_path / "Ada").mkdir()
    (tmp_path / GOOD).write_bytes(JPEG)
    with (
        pytest.raises(ResourceError, match=r"Too many open files.*ulimit -n"),
        file_handles(3),
        resources_explained(),
    ):
        verify_output(tmp_path, [logged(GOOD)])


def test_a_file_that_is_rightly_gone_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "Ben").mkdir()
    (tmp_path / "Ben" / "there.jpg").write_bytes(JPEG)
    targets = ("Ben/gone.jpg", "Ben/there.jpg")
    result = verify_output(tmp_path, map(logged, targets)).excusing(targets)
    assert result == Verification(1, (), (), {}, ("Ben/gone.jpg",))
    assert result.passed


def test_none_of_many_may_be_another_folder(tmp_path: Path) -> None:
    writes = [logged("Ben/a.jpg"), logged("Ben/b.jpg")]
    assert verify_output(tmp_path, writes).found_nothing
    assert not verify_output(tmp_path, []).found_nothing
    (tmp_path / "Ben").mkdir()
    (tmp_path / "Ben" / "a.jpg").write_bytes(b"other")
    assert verify_output(tmp_path, writes) == Verification(0, ("Ben/b.jpg",), ("Ben/a.jpg",))
    assert not verify_output(tmp_path, writes).found_nothing
