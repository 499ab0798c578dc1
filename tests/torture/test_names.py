"""Names that are hard on a file system, through whole jobs; and no write ever leaves the output and the workspace.

What one name becomes is a property in ``tests/core/test_routing.py``.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from synthetic_event import sort_in_threads, tree, write_photo
from torture.campaign import Ledger, share
from torture.trace import calls, needs_strace

from facesort.core.delivery.routing import output_name, safe_folder
from facesort.engine.delivery.verify import verify_output
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.setup import set_up
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.reasons import PhotoStatus
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system allows them all")

FIGURE = "files fed: names"
PERSONS = [
    "../../etc",
    "CON",
    "..\\..\\windows",
    "a/b/c",
    "/etc/passwd",
    " . ",
    "Zoë" + "\N{COMBINING ACUTE ACCENT}",
    "😀" * 60,
    "line\nbreak",
    "trailing dot.",
    "-rf",
    "_unknown",
    ".hidden",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "{curly} %s $HOME `id`",
]
STEMS = [
    b"CON",
    b"nul",
    b"trailing dot.",
    b" blanks ",
    b"line\nbreak",
    b"tab\tand\rreturn",
    b"back\\slash",
    b"..",
    b"...",
    b"-rf",
    b'a:b*c?d"e<f>g|h',
    b"\xff\xfe not UTF-8",
    b"x" * 251,
    "😀".encode() * 62,
    "Zoë".encode(),
    unicodedata.normalize("NFD", "Zoë").encode(),
    b"case",
    b"CASE",
    b"{0} %s ${HOME}",
    b"'; DROP TABLE photo; --",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj".encode(),
]


def make_job(folder: Path) -> tuple[Workspace, ModelPack, set[int]]:
    """A job with hard names everywhere; and the identities of the persons who could be named."""
    source = folder / "source"
    source.mkdir(parents=True)
    workspace, pack = set_up(folder / "hot", [source], folder / "out", "synthetic", [])
    references = []
    for identity, name in enumerate(PERSONS, start=1):
        write_photo(folder / "seeds" / f"{identity}.png", [identity], variation=30)
        references.append(Candidate(name, folder / "seeds" / f"{identity}.png"))
    named = set()
    for identity, reference in enumerate(references, start=1):
        try:
            (report,) = seed(workspace, pack, [reference], ThreadPoolExecutor(1))
        except GalleryError:
            continue
        if report.refused is None:
            named.add(identity)
    for number, stem in enumerate(STEMS):
        photo = source / "photo.jpg"
        write_photo(photo, [1 + number % len(PERSONS)], variation=60, shade=90 + number)
        folder_name = (
            os.fsencode(source) + b"/" + (stem if stem.strip(b".") else b"dots" + stem)[:200]
        )
        os.mkdir(folder_name)
        os.rename(os.fsencode(photo), folder_name + b"/" + stem + b".jpg")
    return workspace, pack, named


def test_hard_names_of_persons_and_photos(ledger: Ledger, tmp_path: Path) -> None:
    workspace, pack, named = make_job(tmp_path / "job")
    before = {
        path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "job" / "out")
    }

    sort_in_threads(workspace, pack)

    ledger.count(FIGURE, len(STEMS) + len(PERSONS))
    assert len(named) >= len(PERSONS) - 3
    output = workspace.settings.output
    with workspace.open_store(read_only=True) as store:
        writes = verified_writes(store)
        photos = reports.counts(store).photos
        assert verify_output(output, writes).passed
    assert photos[PhotoStatus.PENDING] == photos[PhotoStatus.FAILED] == 0
    assert photos[PhotoStatus.MATCHED] == sum(
        1 + number % len(PERSONS) in named
        and not stem.startswith(b".")  # a hidden file is no photo
        for number, stem in enumerate(STEMS)
    )
    assert set(tree(output)) == {write.plan.target for write in writes}
    keys = [unicodedata.normalize("NFKC", write.plan.target).casefold() for write in writes]
    assert len(set(keys)) == len(keys), "two files are one on a disk that ignores case"
    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(output)}
    new = {path for path in after - before if not path.is_relative_to(workspace.root)}
    assert new == set()


@needs_strace
def test_no_write_leaves_the_output_and_the_workspace(ledger: Ledger, tmp_path: Path) -> None:
    """Seen by the system itself, with real worker processes."""
    workspace, _, _ = make_job(tmp_path / "job")
    asked = [
        "openat",
        "rename",
        "renameat",
        "renameat2",
        "mkdir",
        "mkdirat",
        "unlink",
        "unlinkat",
        "rmdir",
    ]
    asked += [
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "truncate",
        "creat",
        "chmod",
        "fchmodat",
        "chown",
        "utimensat",
    ]

    written = {
        file
        for call in calls(workspace.root, asked, workers=1)
        if call.name != "openat"
        or "O_WRONLY" in call.flags
        or "O_RDWR" in call.flags
        or "O_CREAT" in call.flags
        for file in call.files
    }

    ledger.count(FIGURE, len(STEMS) + len(PERSONS))
    ours = (
        f"{workspace.root}/",
        f"{workspace.settings.output}",
        "/dev/null",
        "/dev/shm/sem.",
        "/dev/tty",
    )
    assert len([file for file in written if file.startswith(str(workspace.settings.output))]) > 20
    assert {file for file in written if not file.startswith(ours)} <= {str(workspace.root)}
    resolved = {os.path.normpath(file) for file in written}
    assert {file for file in resolved if not file.startswith(ours)} <= {str(workspace.root)}


@settings(
    max_examples=share(200, 5000),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    person=st.text(),
    photo=st.binary(min_size=1, max_size=255).filter(lambda b: b"/" not in b and b"\0" not in b),
)
def test_no_name_leads_out_of_the_output(
    ledger: Ledger, tmp_path: Path, person: str, photo: bytes
) -> None:
    try:
        folder = safe_folder(person)
    except GalleryError:
        folder = "fallback"
    name = output_name(os.fsdecode(photo), "0" * 64)
    target = tmp_path / "out" / folder / name
    ledger.count(FIGURE)
    assert Path(os.path.normpath(target)).relative_to(tmp_path / "out").parts == (folder, name)
    assert len(os.fsencode(folder)) <= 255
    assert len(os.fsencode(f".{name}.12345678.facesort-part")) <= 255
