"""A pack is there as a whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from faces.tiny_packs import write_model, write_pack
from filelock import FileLock
from lying_server import Answer, Server, begin_of, serving, whole

from facesort.cli import cli
from facesort.errors import PackError
from facesort.faces.packs import published as publishing
from facesort.faces.packs.download import PublishedFile
from facesort.faces.packs.fetch import fetch_pack
from facesort.faces.packs.find import resolve_pack
from facesort.faces.packs.published import PUBLISHED, PublishedPack, published

posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


def zipped(folder: Path, archive: Path, within: str = "") -> PublishedPack:
    """The models of a folder as an archive that is published."""
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, f"{within}{path.name}")
    content = archive.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    file = PublishedFile(f"https://publisher.invalid/{archive.name}", sha256, len(content))
    return PublishedPack(archive.stem, (file,))


@pytest.fixture
def tiny(tmp_path: Path) -> PublishedPack:
    """Published as `mirror/buffalo_s.zip`."""
    write_pack(tmp_path / "models to pack")
    (tmp_path / "mirror").mkdir()
    return zipped(tmp_path / "models to pack", tmp_path / "mirror" / "buffalo_s.zip")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serves `mirror/`."""

    def answer(_: int, path: str, headers: Mapping[str, str]) -> Answer:
        file = tmp_path / "mirror" / path.strip("/")
        return whole(file.read_bytes(), begin_of(headers)) if file.is_file() else Answer(404)

    with serving(answer) as running:
        yield running


def test_a_fetched_pack_is_found_and_its_hashes_are_kept(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    packs = tmp_path / "packs"
    pack = fetch_pack(tiny, packs, origin=server.url)
    assert pack.path == packs / "buffalo_s"
    assert resolve_pack(None, [packs]) == pack
    assert [path.name for path in packs.iterdir()] == ["buffalo_s"]
    assert sorted(path.name for path in pack.path.iterdir()) == [
        "1k3d68.onnx",
        "det_tiny.onnx",
        "genderage.onnx",
        "pack.json",
        "w_tiny.onnx",
    ]
    write_model(pack.path / "w_tiny.onnx", 1, side=112, tag="tampered")
    with pytest.raises(PackError, match=r"w_tiny\.onnx has changed since it was fetched"):
        resolve_pack("buffalo_s", [packs])


def test_a_folder_may_stand_for_the_publisher(tmp_path: Path, tiny: PublishedPack) -> None:
    pack = fetch_pack(tiny, tmp_path / "packs", origin=str(tmp_path / "mirror"))
    assert pack.name == "buffalo_s"
    assert os.listdir(tmp_path / "mirror") == ["buffalo_s.zip"]


def test_an_archive_may_hold_a_folder_of_its_name(tmp_path: Path, server: Server) -> None:
    write_pack(tmp_path / "models to pack")
    (tmp_path / "mirror").mkdir()
    pack = zipped(
        tmp_path / "models to pack", tmp_path / "mirror" / "antelopev2.zip", "antelopev2/"
    )
    assert fetch_pack(pack, tmp_path / "packs", origin=server.url).path == (
        tmp_path / "packs" / "antelopev2"
    )


def test_an_existing_pack_is_not_downloaded_again(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    write_pack(tmp_path / "packs" / "buffalo_s")
    assert fetch_pack(tiny, tmp_path / "packs", origin=server.url).name == "buffalo_s"
    assert server.requests == []


def test_a_published_model_with_other_content_is_refused(tmp_path: Path, server: Server) -> None:
    write_pack(tmp_path / "zip")
    (tmp_path / "zip" / "w_tiny.onnx").rename(tmp_path / "zip" / "w600k_mbf.onnx")
    (tmp_path / "mirror").mkdir()
    pack = zipped(tmp_path / "zip", tmp_path / "mirror" / "buffalo_s.zip")
    with pytest.raises(PackError, match=r"w600k_mbf\.onnx of buffalo_s is not the file"):
        fetch_pack(pack, tmp_path / "packs", origin=server.url)
    assert not (tmp_path / "packs" / "buffalo_s").exists()


def test_an_archive_with_other_content_is_refused(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    archive = tmp_path / "mirror" / "buffalo_s.zip"
    data = archive.read_bytes()
    archive.write_bytes(data[:-1] + b"x")
    for origin in (server.url, str(tmp_path / "mirror")):
        with pytest.raises(PackError, match=r"another|is another file"):
            fetch_pack(tiny, tmp_path / "packs", origin=origin)
    assert os.listdir(tmp_path / "packs") == []


def test_what_an_interrupted_fetch_left_is_hidden_and_used(
    tmp_path: Path, tiny: PublishedPack
) -> None:
    content = (tmp_path / "mirror" / "buffalo_s.zip").read_bytes()
    half = len(content) // 2

    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        said = whole(content, begin_of(headers))
        if number == 1:
            return Answer(said.status, said.body, said.headers, breaks_after=half)
        return Answer(404) if number == 2 else said

    packs = tmp_path / "packs"
    with serving(answer) as server:
        with pytest.raises(PackError, match=r"has no buffalo_s.zip"):
            fetch_pack(tiny, packs, origin=server.url)
        assert os.listdir(packs) == [".fetching-buffalo_s"]
        with pytest.raises(PackError):
            resolve_pack("buffalo_s", [packs])
        assert fetch_pack(tiny, packs, origin=server.url).name == "buffalo_s"
    assert server.ranges == [None, f"bytes={half}-", f"bytes={half}-"]
    assert os.listdir(packs) == ["buffalo_s"]


def test_a_fetch_that_was_killed_while_it_unpacked_goes_on(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    left = tmp_path / "packs" / ".fetching-buffalo_s"
    left.mkdir(parents=True)
    (left / "w_tiny.onnx").write_bytes(b"half")
    (left / "pack.json").write_bytes(b"{")
    write_model(left / "a.onnx", 9)  # of another archive
    pack = fetch_pack(tiny, tmp_path / "packs", origin=server.url)
    assert [name for name, _ in pack.files] == ["det_tiny.onnx", "w_tiny.onnx"]


def test_two_do_not_fetch_the_same_at_once(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    (tmp_path / "packs").mkdir()
    held = FileLock(tmp_path / "packs" / ".fetching-buffalo_s.lock")
    with held, pytest.raises(PackError, match="buffalo_s is being fetched by another process"):
        fetch_pack(tiny, tmp_path / "packs", origin=server.url)


@pytest.mark.parametrize("name", ["", "facenet", "../buffalo_l"])
def test_only_published_names_are_fetched(name: str) -> None:
    with pytest.raises(PackError, match="to fetch; choose one of antelopev2"):
        published(name)


@pytest.mark.parametrize("origin", ["ftp://x/y", "file:///tmp", "nowhere"])
def test_an_origin_is_a_folder_or_a_web_address(
    tmp_path: Path, tiny: PublishedPack, origin: str
) -> None:
    with pytest.raises(PackError, match=r"neither a folder nor|is not there"):
        fetch_pack(tiny, tmp_path / "packs", origin=origin)


@posix
def test_a_pack_is_fetched_through_no_link(
    tmp_path: Path, tiny: PublishedPack, server: Server
) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "buffalo_s").symlink_to(tmp_path / "not there")
    with pytest.raises(PackError):
        fetch_pack(tiny, packs, origin=server.url)
    (packs / "buffalo_s").unlink()
    (packs / ".fetching-buffalo_s").symlink_to(tmp_path / "mirror")
    with pytest.raises(PackError, match="is a link"):
        fetch_pack(tiny, packs, origin=server.url)
    assert os.listdir(tmp_path / "mirror") == ["buffalo_s.zip"]
    assert not (tmp_path / "not there").exists()


@posix
@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_a_folder_brings_files_only(tmp_path: Path, tiny: PublishedPack, what: str) -> None:
    brought = tmp_path / "mirror" / "buffalo_s.zip"
    aside = brought.rename(tmp_path / "aside.zip")
    {
        "link": lambda: brought.symlink_to(aside),
        "pipe": lambda: os.mkfifo(brought),
        "folder": brought.mkdir,
    }[what]()
    with pytest.raises(PackError, match="not a file"):
        fetch_pack(tiny, tmp_path / "packs", origin=str(tmp_path / "mirror"))


def test_the_command_asks_before_it_downloads(
    tmp_path: Path, tiny: PublishedPack, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PUBLISHED", {"buffalo_s": tiny})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    command = ["packs", "fetch", "buffalo_s", "--from", server.url]
    result = CliRunner().invoke(cli, command, input="n\n")
    assert result.exit_code == 1
    assert "non-commercial research" in result.output
    assert server.requests == []
    result = CliRunner().invoke(cli, [*command, "--yes"])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / ".insightface" / "models" / "buffalo_s") in result.output


def test_what_is_published_can_be_asked_for() -> None:
    for name, pack in PUBLISHED.items():
        assert pack.name == name
        for file in pack.files:
            assert file.url.startswith("https://")
            assert len(bytes.fromhex(file.sha256)) == 32
            assert 0 < file.size < 1 << 30
    hashes = [file.sha256 for pack in PUBLISHED.values() for file in pack.files]
    assert len({pack.files for pack in PUBLISHED.values()}) == len(PUBLISHED)
    assert hashes == [sha256.lower() for sha256 in hashes]
