"""Certificates are made once, for their owner only, and looked at before anything is connected."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
from pathlib import Path

import pytest

from facesort.engine.cluster import certificates
from facesort.engine.cluster.certificates import Role, make_certificates, read_certificates
from facesort.errors import ClusterError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "certificates"
    make_certificates(folder, 30)
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy to be spoilt."""
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


def spoken(server: Path, server_role: Role, client: Path, client_role: Role) -> str:
    """What two processes say to each other, as Dask lets them."""
    listening = read_certificates(server, server_role).get_listen_args(str(server_role))
    calling = read_certificates(client, client_role).get_connection_args(str(client_role))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = listening["ssl_context"].wrap_bio(to_server, to_client, server_side=True)
    other = calling["ssl_context"].wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (other, one):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    other.write(b"hello")
    return bytes(one.read()).decode()


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_only_their_owner_can_read_them(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {path.name for path in made.iterdir()} == {"ca.pem", *(role.file for role in Role)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (Role.SCHEDULER, Role.WORKER),
        (Role.SCHEDULER, Role.CLIENT),
        (Role.WORKER, Role.SCHEDULER),
        (Role.WORKER, Role.WORKER),
        (Role.WORKER, Role.CLIENT),
    ],
)
def test_the_processes_of_a_cluster_understand_each_other(
    made: Path, server: Role, client: Role
) -> None:
    assert spoken(made, server, made, client) == "hello"


def test_a_client_cannot_pose_as_the_scheduler(own: Path) -> None:
    (own / "scheduler.pem").write_bytes((own / "client.pem").read_bytes())

    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)unsuitable certificate purpose"):
        spoken(own, Role.SCHEDULER, own, Role.WORKER)


def test_another_authority_is_not_trusted(made: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path / "other", 30)

    with pytest.raises(ssl.SSLError):
        spoken(made, Role.SCHEDULER, tmp_path / "other", Role.WORKER)


def test_what_is_there_stays_as_it_is(own: Path) -> None:
    (own / "ca.pem").unlink()
    before = {path.name: path.read_bytes() for path in own.iterdir()}

    with pytest.raises(ClusterError, match="has certificates already, which stay as they are"):
        make_certificates(own, 30)

    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ClusterError, match=r"file/x cannot be written \(Not a directory\): move"):
        make_certificates(tmp_path / "file" / "x", 30)


def test_a_missing_file_is_said_with_what_the_role_needs(own: Path) -> None:
    (own / "worker.pem").unlink()

    with pytest.raises(
        ClusterError, match=r"a worker needs ca\.pem and worker\.pem, of `facesort clu"
    ):
        read_certificates(own, Role.WORKER)
    read_certificates(own, Role.CLIENT)


@pytest.mark.parametrize("name", ["ca.pem", "worker.pem"])
def test_a_damaged_file_is_said(own: Path, name: str) -> None:
    (own / name).write_bytes((own / name).read_bytes()[:100])

    with pytest.raises(ClusterError, match=f"{name} is no certificate: copy it again"):
        read_certificates(own, Role.WORKER)


def test_a_certificate_without_its_key_is_said(own: Path) -> None:
    whole = (own / "worker.pem").read_text()
    (own / "worker.pem").write_text(whole.partition("-----BEGIN PRIVATE")[0])

    with pytest.raises(ClusterError, match=r"worker\.pem holds no key"):
        read_certificates(own, Role.WORKER)


def test_files_of_two_folders_are_told_apart(own: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path / "other", 30)
    (own / "worker.pem").write_bytes((tmp_path / "other" / "worker.pem").read_bytes())

    with pytest.raises(ClusterError, match=r"worker\.pem does not belong to .*ca\.pem: copy both"):
        read_certificates(own, Role.WORKER)


def test_one_that_has_expired_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_CLOCKS", 2 * certificates._CLOCKS)
    make_certificates(tmp_path / "old", -1)

    with pytest.raises(ClusterError, match=r"worker\.pem was valid until 20.* UTC: make new ones"):
        read_certificates(tmp_path / "old", Role.WORKER)


def test_a_clock_that_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_CLOCKS", -2 * certificates._CLOCKS)
    make_certificates(tmp_path / "early", 30)

    with pytest.raises(ClusterError, match=r"is valid from 20.* UTC on: set this machine's clock"):
        read_certificates(tmp_path / "early", Role.WORKER)
