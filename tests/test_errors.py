"""What to do about an error of the system: the advice fits the error, and not the place where it happened."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from disks import unprivileged

from facesort.errors import (
    _BY_NUMBER,
    OutputError,
    ResourceError,
    because,
    resources_explained,
    short_of,
)

posix = pytest.mark.skipif(os.name == "nt", reason="limits and permissions of POSIX")


def error_of(act: Callable[[], object]) -> OSError:
    with pytest.raises(OSError) as caught:
        act()
    return caught.value


def test_every_advice_is_about_its_own_error() -> None:
    about_space = {errno.ENOSPC, errno.EDQUOT}
    assert {n for n, text in _BY_NUMBER.items() if "free some space" in text} == about_space
    assert {n for n in _BY_NUMBER if short_of(OSError(n, os.strerror(n)))} == {
        errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN,
    }  # fmt: skip


def test_no_advice_names_an_option_that_only_some_commands_have() -> None:
    advice = [*_BY_NUMBER.values(), because(MemoryError()), str(short_of(MemoryError()))]
    assert not any("--" in text for text in advice)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")
def test_a_full_disk() -> None:
    def write() -> None:
        with open("/dev/full", "wb", buffering=0) as stream:
            stream.write(b"x")

    assert because(error_of(write)) == "(No space left on device): free some space on its disk"


@posix
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gone/a", "(No such file or directory): plug in the disk, and check the path"),
        ("file/a", "(Not a directory): move away what is in its place"),
        ("folder", "(Is a directory): move away what is in its place"),
        ("loop", "(Too many levels of symbolic links): move away what is in its place"),
        ("x" * 300, "(File name too long): use a shorter path"),
    ],
)
def test_what_is_in_the_way(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    assert because(error_of((tmp_path / name).read_bytes)) == advice


@posix
def test_a_file_that_this_user_may_not_read() -> None:
    with unprivileged() as folder:
        (folder / "a").touch(mode=0)
        error = error_of((folder / "a").read_bytes)
        assert because(error) == "(Permission denied): give this user access to it"


RUN_OUT = {
    "file handles": """
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
kept = [open(os.devnull) for _ in range(20)]""",
    "memory": """
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
kept = bytearray(1 << 31)""",
    "size of a file": """
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
with open("large", "wb", buffering=0) as stream:
    stream.write(bytes(10))
    stream.write(bytes(10))""",
}


@posix
@pytest.mark.parametrize(
    ("what", "advice"),
    [
        ("file handles", r"\(Too many open files\): close other programs, or allow more open"),
        (
            "memory",
            r"\(out of memory\): close other programs, or use fewer processes \(`run.workers` in facesort",
        ),
        ("size of a file", r"\(File too large\): its disk cannot hold such a large file"),
    ],
)
def test_running_out(tmp_path: Path, what: str, advice: str) -> None:
    """In a process of its own, which really runs out of it."""
    program = f"""
import os, resource
from facesort.errors import because, short_of
try:
    {RUN_OUT[what].strip().replace(chr(10), chr(10) + "    ")}
except (OSError, MemoryError) as error:
    kept = None
    words, short = because(error), short_of(error)
print(words, short is not None)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert re.match(advice, done.stdout)
    assert done.stdout.split()[-1] == str(what != "size of a file")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENFILE, "Too many open files in system"),
        MemoryError(),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        RuntimeError("can't start new thread"),
    ],
)
def test_a_shortage_is_one_sentence(error: Exception) -> None:
    with (
        pytest.raises(ResourceError, match=r"cannot go on \(.*close other programs.*run the same"),
        resources_explained(),
    ):
        raise error


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), RuntimeError("a bug"), OutputError("explained")]
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, resources_explained():
        raise error
    assert caught.value is error


def test_an_error_without_a_number_keeps_its_words() -> None:
    assert (
        because(OSError("closed by peer")) == "(closed by peer): check its disk and its permissions"
    )
    assert because(OSError()) == "(OSError): check its disk and its permissions"
