"""Packs that somebody brings are copied whole and verified, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from faces.tiny_packs import write_model, write_pack
from foreign_things import patience

from facesort.cli import cli
from facesort.errors import PackError
from facesort.faces.packs import add as adding, assemble
from facesort.faces.packs.add import add_packs
from facesort.faces.packs.description import Description
from facesort.faces.packs.download import PublishedFile
from facesort.faces.packs.fetch import fetch_pack
from facesort.faces.packs.find import resolve_pack
from facesort.faces.packs.known import UNKNOWN, licence_of
from facesort.faces.packs.published import PUBLISHED, PublishedPack

posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_described(folder: Path, tag: str = "") -> Description:
    """A detector of YuNet's shape and a recogniser, with a pack.toml."""
    write_model(folder / "yunet.onnx", 12, tag=tag)
    write_model(folder / "rec.onnx", 1, side=112, tag=tag)
    said = {"licence": "MIT", "licence_source": "https://example.org", "paid_work": True}
    description = Description.model_validate(
        {
            "detector": {
                "kind": "yunet",
                "file": "yunet.onnx",
                "sha256": sha256(folder / "yunet.onnx"),
                **said,
            },
            "recogniser": {
                "kind": "arcface",
                "file": "rec.onnx",
                "sha256": sha256(folder / "rec.onnx"),
                "side": 112,
                "dim": 112,
                **said,
            },
        }
    )
    (folder / "pack.toml").write_text(description.toml())
    return description


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    return tmp_path / "home" / "packs"


@pytest.fixture
def free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedPack:
    """A pack that is published as two files, in `publisher/`."""
    publisher = tmp_path / "publisher"
    description = write_described(publisher)
    (publisher / "pack.toml").unlink()
    files = tuple(
        PublishedFile(
            f"https://publisher.invalid/{half.file}",
            half.sha256,
            (publisher / half.file).stat().st_size,
        )
        for half in (description.detector, description.recogniser)
    )
    pack = PublishedPack("free", files, description)
    monkeypatch.setattr(adding, "PUBLISHED", {"free": pack})
    return pack


def test_a_described_folder_is_added_under_its_name(tmp_path: Path, packs: Path) -> None:
    write_described(tmp_path / "stick" / "mine")
    (tmp_path / "stick" / "mine" / "holiday.jpg").write_bytes(b"not asked for")
    [added] = add_packs(tmp_path / "stick" / "mine", packs)
    assert (added.pack.name, added.was_there) == ("mine", False)
    assert resolve_pack("mine", [packs]) == added.pack
    assert sorted(os.listdir(packs / "mine")) == ["pack.toml", "rec.onnx", "yunet.onnx"]
    assert os.listdir(packs) == ["mine"]


def test_a_folder_of_insightface_is_added(tmp_path: Path, packs: Path) -> None:
    write_pack(tmp_path / "buffalo_x")
    [added] = add_packs(tmp_path / "buffalo_x", packs)
    assert sorted(os.listdir(packs / "buffalo_x")) == ["det_tiny.onnx", "pack.json", "w_tiny.onnx"]
    assert added.pack.kind == "insightface"


def test_bare_files_get_their_description(tmp_path: Path, packs: Path, free: PublishedPack) -> None:
    """Whatever they are called."""
    publisher = tmp_path / "publisher"
    (publisher / "rec.onnx").rename(publisher / "download (1).onnx")
    [added] = add_packs(publisher, packs)
    assert sorted(os.listdir(packs / "free")) == ["pack.toml", "rec.onnx", "yunet.onnx"]
    assert (added.pack.kind, added.pack.paid_work) == ("described", True)


def test_what_is_published_is_fetched_with_its_description(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    pack = fetch_pack(free, packs, origin=str(tmp_path / "publisher"))
    assert resolve_pack("free", [packs]) == pack
    assert pack.licence == "Licence of the weights: MIT, also for paid work."


def test_half_of_a_published_pack_is_a_sentence(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    (tmp_path / "publisher" / "yunet.onnx").unlink()
    with pytest.raises(PackError, match=r"publisher lacks yunet\.onnx of free: put what lacks"):
        add_packs(tmp_path / "publisher", packs)
    assert not packs.exists()


def test_the_same_pack_again_is_said(tmp_path: Path, packs: Path, free: PublishedPack) -> None:
    write_described(tmp_path / "mine")
    write_pack(tmp_path / "buffalo_x")
    for folder in ("mine", "buffalo_x", "publisher"):
        before, after = (add_packs(tmp_path / folder, packs) for _ in range(2))
        assert [added.was_there for added in before + after] == [False, True]


@pytest.mark.parametrize("write", [write_described, write_pack])
def test_another_pack_of_the_name_is_said_and_stays(
    tmp_path: Path, packs: Path, write: Callable[..., object]
) -> None:
    write(tmp_path / "one" / "mine", tag="one")
    write(tmp_path / "two" / "mine", tag="two")
    [first] = add_packs(tmp_path / "one" / "mine", packs)
    with pytest.raises(PackError, match="mine is another pack of that name: rename the folder"):
        add_packs(tmp_path / "two" / "mine", packs)
    assert resolve_pack("mine", [packs]) == first.pack


def test_another_pack_of_a_published_name_is_said(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    write_described(packs / "free", tag="another")
    with pytest.raises(PackError, match="free is another pack of that name"):
        add_packs(tmp_path / "publisher", packs)


def test_fetching_says_that_another_pack_has_the_name(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    other = write_described(packs / "free", tag="another")
    with pytest.raises(PackError, match="free is another pack of that name: move it away"):
        fetch_pack(free, packs, origin=str(tmp_path / "publisher"))
    assert sha256(packs / "free" / "rec.onnx") == other.recogniser.sha256


def test_what_an_interrupted_download_left_is_not_published(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    hidden = packs / ".fetching-free"
    hidden.mkdir(parents=True)
    for stray in ("rec.onnx.part", "other.onnx", "pack.json", "notes.txt"):
        (hidden / stray).write_bytes(b"of an earlier command")
    add_packs(tmp_path / "publisher", packs)
    assert sorted(os.listdir(packs / "free")) == ["pack.toml", "rec.onnx", "yunet.onnx"]
    assert os.listdir(packs) == ["free"]


def test_a_file_of_any_name_is_taken_back_when_adding_fails(
    tmp_path: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    write_described(mine)
    (mine / "rec.onnx").rename(mine / "weights.bin")
    (mine / "pack.toml").write_text(
        (mine / "pack.toml").read_text().replace("rec.onnx", "weights.bin")
    )

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched, pytest.raises(PackError, match="cannot be written"):
        patched.setattr(assemble, "publish", full)
        add_packs(mine, packs)
    assert os.listdir(packs) == []
    add_packs(mine, packs)
    assert sorted(os.listdir(packs / "mine")) == ["pack.toml", "weights.bin", "yunet.onnx"]


@pytest.mark.parametrize("name", ["dlib", "synthetic", ".hidden"])
def test_a_name_that_could_not_be_found_again_is_refused(
    tmp_path: Path, packs: Path, name: str
) -> None:
    write_pack(tmp_path / name)
    with pytest.raises(PackError, match=f"a pack cannot be called '{name}'"):
        add_packs(tmp_path / name, packs)


@posix
@pytest.mark.parametrize("file", ["yunet.onnx", "rec.onnx", "pack.toml"])
@pytest.mark.parametrize("what", ["link", "pipe", "device"])
def test_links_and_devices_are_refused(tmp_path: Path, packs: Path, file: str, what: str) -> None:
    write_described(tmp_path / "mine")
    path = tmp_path / "mine" / file
    path.rename(tmp_path / "aside")
    if what == "link":
        path.symlink_to(tmp_path / "aside")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with patience(20), pytest.raises(PackError, match=file):
        add_packs(tmp_path / "mine", packs)
    assert not packs.exists() or os.listdir(packs) == []


@posix
def test_a_link_among_published_files_is_not_taken(
    tmp_path: Path, packs: Path, free: PublishedPack
) -> None:
    path = tmp_path / "publisher" / "rec.onnx"
    path.rename(tmp_path / "aside")
    path.symlink_to(tmp_path / "aside")
    with pytest.raises(PackError, match=r"lacks rec\.onnx of free"):
        add_packs(tmp_path / "publisher", packs)


@pytest.mark.parametrize("what", ["nothing", "photos", "a file"])
def test_what_is_no_pack_is_a_sentence(tmp_path: Path, packs: Path, what: str) -> None:
    folder = tmp_path / "stick"
    if what == "a file":
        folder.write_bytes(b"x")
    elif what == "photos":
        folder.mkdir()
        (folder / "a.jpg").write_bytes(b"x")
    with pytest.raises(PackError, match="stick"):
        add_packs(folder, packs)


def test_what_an_interrupted_addition_left_is_no_part_of_the_next(
    tmp_path: Path, packs: Path
) -> None:
    write_pack(tmp_path / "buffalo_x")
    (packs / ".fetching-buffalo_x").mkdir(parents=True)
    write_model(packs / ".fetching-buffalo_x" / "a.onnx", 9)
    add_packs(tmp_path / "buffalo_x", packs)
    assert "a.onnx" not in os.listdir(packs / "buffalo_x")


def test_a_file_that_changed_against_its_description_is_not_added(
    tmp_path: Path, packs: Path
) -> None:
    write_described(tmp_path / "mine")
    write_model(tmp_path / "mine" / "rec.onnx", 1, side=112, tag="other")
    with pytest.raises(PackError, match=r"rec\.onnx is not the file that pack\.toml"):
        add_packs(tmp_path / "mine", packs)


def test_the_command_says_where_it_went_and_what_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    write_described(tmp_path / "mine")
    result = CliRunner().invoke(cli, ["packs", "add", str(tmp_path / "mine")])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "home" / ".insightface" / "models" / "mine") in result.output
    assert "MIT, also for paid work" in result.output

    shutil.copytree(tmp_path / "mine", tmp_path / "first" / "mine")
    monkeypatch.setenv("FACESORT_PACKS", str(tmp_path / "first"))
    result = CliRunner().invoke(cli, ["packs", "add", str(tmp_path / "mine")])
    assert "mine was there before" in result.output
    assert f"mine means {tmp_path / 'first' / 'mine'}, which is looked at first" in result.output


def test_the_list_says_what_one_may_do_with_a_pack_in_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("FACESORT_PACKS", str(tmp_path / "p"))
    write_described(tmp_path / "p" / "free")
    write_pack(tmp_path / "p" / "mine")
    lines = CliRunner().invoke(cli, ["packs", "list"]).output.splitlines()
    rows = {line.split()[0]: line.split() for line in lines if not line.startswith(" ")}
    assert rows["free"] == ["free", "yes", "0.0", "0.80", "1.00", "not", "measured"]
    assert rows["mine"][1] == "unknown"
    assert rows["dlib"][1:3] == ["yes", "31.6"]
    assert "  Licence of the weights: MIT, also for paid work." in lines
    assert f"  {tmp_path / 'p' / 'free'}" in lines
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line and "/" not in line)


# --- what facesort brings itself --------------------------------------------------------------


@pytest.mark.parametrize("name", ["auraface", "sface"])
def test_a_pack_for_paid_work_is_described(name: str) -> None:
    pack = PUBLISHED[name]
    assert pack.description is not None
    assert [file.name for file in pack.files] == [
        pack.description.detector.file,
        pack.description.recogniser.file,
    ]
    for file, licence in pack.licences:
        assert licence.paid_work is True
        assert licence.source.startswith("https://")
        assert licence.trained_on
        assert licence_of(file.sha256) == licence


def test_what_insightface_publishes_is_not_for_paid_work() -> None:
    archives = [pack for pack in PUBLISHED.values() if pack.description is None]
    assert len(archives) == 5
    assert {licence.paid_work for pack in archives for _, licence in pack.licences} == {False}


def test_the_detector_beside_auraface_is_not_part_of_it() -> None:
    """It is InsightFace's."""
    shipped = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
    assert licence_of(shipped).paid_work is False
    assert shipped not in {file.sha256 for file in PUBLISHED["auraface"].files}
    assert licence_of("0" * 64) is UNKNOWN


@pytest.mark.models
def test_the_detector_of_the_free_packs_is_the_one_of_the_assets(assets: Path) -> None:
    path = assets / "models" / "yunet" / "face_detection_yunet_2026may.onnx"
    file = PUBLISHED["sface"].files[0]
    assert (path.name, path.stat().st_size, sha256(path)) == (file.name, file.size, file.sha256)
    assert PUBLISHED["auraface"].files[0] == file
