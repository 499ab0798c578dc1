"""A file comes whole and as its publisher made it, or there is a sentence; whatever the server does."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lying_server import Answer, Server, begin_of, serving, whole

from facesort.errors import PackError
from facesort.faces.packs import download as downloading
from facesort.faces.packs.download import PublishedFile, download

CONTENT = os.urandom(1 << 20)
OTHER = os.urandom(1 << 20)
FILE = PublishedFile(
    "https://publisher.invalid/a/model.onnx", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)
)
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))


def got(
    folder: Path, server: Server, *, mirror: str | None = None, file: PublishedFile = FILE
) -> bytes:
    waits: list[float] = []
    path = download(file, folder, mirror=mirror or server.url, wait=waits.append)
    assert sorted(os.listdir(folder)) == ["model.onnx"]
    return path.read_bytes()


def refused(folder: Path, server: Server, match: str, *, mirror: str | None = None) -> None:
    with pytest.raises(PackError, match=match) as caught:
        download(FILE, folder, mirror=mirror or server.url, wait=lambda _: None)
    assert "\n" not in str(caught.value)
    assert not (folder / "model.onnx").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def test_a_file_is_downloaded_once(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with serving(lambda *_: whole(CONTENT)) as server:
        path = download(FILE, folder, mirror=f"{server.url}/", progress=lambda *a: told.append(a))
        assert path.read_bytes() == CONTENT
        assert download(FILE, folder, mirror=server.url) == path
    assert [path for path, _ in server.requests] == ["/model.onnx"]
    assert server.requests[0][1]["Accept-Encoding"] == "identity"
    assert told[-1] == ("model.onnx", len(CONTENT), len(CONTENT))
    assert [here for _, here, _ in told] == sorted(here for _, here, _ in told)


def test_a_broken_connection_goes_on_where_it_stopped(folder: Path) -> None:
    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        said = whole(CONTENT, begin_of(headers), ETag='"one"')
        return Answer(
            said.status, said.body, said.headers, breaks_after=300_000 if number < 3 else None
        )

    with serving(answer) as server:
        assert got(folder, server) == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert [h.get("If-Range") for _, h in server.requests] == [None, '"one"', '"one"']


def test_the_next_command_goes_on_where_an_interrupted_one_stopped(folder: Path) -> None:
    (folder / "model.onnx.part").write_bytes(CONTENT[:HALF])
    with serving(lambda _, __, headers: whole(CONTENT, begin_of(headers))) as server:
        assert got(folder, server) == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]


def test_what_is_left_of_another_file_is_downloaded_anew(folder: Path) -> None:
    (folder / "model.onnx.part").write_bytes(OTHER[:HALF])
    with serving(lambda _, __, headers: whole(CONTENT, begin_of(headers))) as server:
        assert got(folder, server) == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("left", [CONTENT + b"more", CONTENT, OTHER])
def test_what_is_left_may_be_complete_or_too_long(folder: Path, left: bytes) -> None:
    (folder / "model.onnx.part").write_bytes(left)
    with serving(lambda *_: whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT
    assert len(server.requests) == (left != CONTENT)


def test_a_file_that_changed_on_the_server_meanwhile_is_sent_whole(folder: Path) -> None:
    """`If-Range` asks for that: the rest of another file is of no use."""

    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        if number == 1:
            said = whole(OTHER, ETag='"old"')
            return Answer(said.status, said.body, said.headers, breaks_after=HALF)
        return whole(
            CONTENT, begin_of(headers) if headers.get("If-Range") == '"new"' else 0, ETag='"new"'
        )

    with serving(answer) as server:
        assert got(folder, server) == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_weak_etag_says_nothing_of_bytes(folder: Path) -> None:
    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        said = whole(CONTENT, begin_of(headers), ETag='W/"one"')
        return Answer(
            said.status, said.body, said.headers, breaks_after=HALF if number == 1 else None
        )

    with serving(answer) as server:
        assert got(folder, server) == CONTENT
    assert "If-Range" not in server.requests[1][1]


@pytest.mark.parametrize("times", [1, 3])
def test_a_server_that_ignores_ranges_sends_all_of_it_again(folder: Path, times: int) -> None:
    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        said = whole(CONTENT)
        return Answer(
            said.status, said.body, said.headers, breaks_after=HALF if number <= times else None
        )

    with serving(answer) as server:
        assert got(folder, server) == CONTENT
    assert len(server.requests) == times + 1


WRONG_RANGES = {
    "another beginning": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}",
    "another length": f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT) + 5}",
    "none": "",
    "nonsense": "bytes -1--1/x",
}


@pytest.mark.parametrize("what", WRONG_RANGES)
def test_a_part_that_was_not_asked_for_is_not_taken(folder: Path, what: str) -> None:
    (folder / "model.onnx.part").write_bytes(CONTENT[:HALF])

    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        if begin_of(headers):
            return Answer(206, CONTENT[HALF:], {"Content-Range": WRONG_RANGES[what]})
        return whole(CONTENT)

    with serving(answer) as server:
        assert got(folder, server) == CONTENT
    assert server.ranges == [f"bytes={HALF}-", None]


def test_a_part_without_having_asked_for_one_is_refused(folder: Path) -> None:
    with serving(lambda *_: whole(CONTENT, HALF)) as server:
        refused(folder, server, r"localhost:\d+ does not send all of model.onnx")
    assert len(server.requests) < 20


def test_a_server_that_says_it_has_no_such_part_is_asked_for_all(folder: Path) -> None:
    (folder / "model.onnx.part").write_bytes(CONTENT[:HALF])
    with serving(lambda _, __, h: Answer(416) if begin_of(h) else whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT


def test_another_file_is_not_kept(folder: Path) -> None:
    with serving(lambda *_: whole(OTHER)) as server:
        refused(folder, server, "another model.onnx than its publisher did")
    assert os.listdir(folder) == []
    assert len(server.requests) == 1


def test_a_complete_file_that_was_changed_here_is_downloaded_again(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(OTHER)
    with serving(lambda *_: whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT


@pytest.mark.parametrize("length", [5, len(CONTENT) + 1, 10**15])
def test_an_announced_length_that_is_wrong_is_refused_at_once(folder: Path, length: int) -> None:
    with serving(lambda *_: Answer(200, CONTENT, {"Content-Length": str(length)})) as server:
        refused(folder, server, r"offers [\d,]+ bytes for model.onnx, where 1,048,576 are missing")
    assert len(server.requests) == 1


def test_a_server_that_never_stops_sending_is_left(folder: Path) -> None:
    """No length is announced; nothing beyond the size of the file is written."""
    with serving(lambda *_: Answer(200, CONTENT + OTHER * 4)) as server:
        refused(folder, server, "sends more than the 1,048,576 bytes of model.onnx")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= len(CONTENT)


def test_less_than_announced_is_asked_for_again_a_few_times(folder: Path) -> None:
    with serving(lambda *_: Answer(200, CONTENT[:9], {})) as server:
        refused(
            folder,
            server,
            r"ended early \(9 of 1,048,576 bytes of model.onnx are here\).*packs add",
        )
    assert 1 < len(server.requests) < 20


def test_a_packed_answer_is_refused_before_it_is_unpacked(folder: Path) -> None:
    """A gzip bomb: a few kB that would become a gigabyte."""
    bomb = gzip.compress(bytes(64 << 20))
    packed = {"Content-Encoding": "gzip", "Content-Length": str(len(bomb))}
    with serving(lambda *_: Answer(200, bomb, packed)) as server:
        refused(folder, server, r"sends model.onnx packed \('gzip'\)")
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("status", "match", "times"),
    [
        (404, "has no model.onnx", 1),
        (410, "has no model.onnx", 1),
        (403, "refuses to send model.onnx .it answers with 403", 1),
        (401, "refuses to send", 1),
        (204, "refuses to send", 1),
        (503, "is busy", 12),
        (429, "is busy", 12),
    ],
)
def test_a_refusal_is_a_sentence(folder: Path, status: int, match: str, times: int) -> None:
    with serving(lambda *_: Answer(status)) as server:
        refused(folder, server, match)
    assert len(server.requests) == times


def test_a_busy_server_is_asked_again(folder: Path) -> None:
    with serving(lambda n, *_: Answer(503) if n < 4 else whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT


def test_a_server_that_stalls_is_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_TIMEOUT_S", (5.0, 0.3))
    done = threading.Event()

    def answer(number: int, _: str, headers: Mapping[str, str]) -> Answer:
        said = whole(CONTENT, begin_of(headers))
        if number > 1:
            return said
        return Answer(said.status, said.body[:HALF], said.headers, pause=lambda: done.wait(30))

    with serving(answer) as server:
        try:
            assert got(folder, server) == CONTENT
        finally:
            done.set()
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_that_dribbles_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte comes in time, and all of them never would."""
    monkeypatch.setattr(downloading, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(downloading, "_SLOWEST", 10**9)
    with serving(lambda *_: whole(CONTENT)) as server:
        refused(folder, server, "sends less than 1,000,000,000 bytes a second")


def test_a_server_that_says_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_TIMEOUT_S", (5.0, 0.2))
    done = threading.Event()

    def answer(*_: object) -> Answer:
        done.wait(30)
        return Answer()

    with serving(answer) as server:
        try:
            refused(folder, server, "does not answer")
        finally:
            done.set()


def test_without_a_network_there_is_a_sentence_at_once(folder: Path) -> None:
    with serving(lambda *_: Answer()) as server:
        gone = server.url
    refused(folder, server, r"cannot be reached: check the network.*packs add DIR", mirror=gone)


# --- redirects --------------------------------------------------------------------------------


def test_a_redirect_is_followed(folder: Path) -> None:
    def answer(number: int, path: str, headers: Mapping[str, str]) -> Answer:
        return (
            whole(CONTENT) if path == "/b?key=1" else Answer(302, headers={"Location": "/b?key=1"})
        )

    with serving(answer) as server:
        assert got(folder, server) == CONTENT


def test_a_redirect_without_an_end_is_left(folder: Path) -> None:
    with serving(lambda n, *_: Answer(302, headers={"Location": f"/{n}"})) as server:
        refused(folder, server, "redirects more than 5 times")
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "goal", ["file:///etc/passwd", "ftp://localhost/x", "data:,x", "gopher://x"]
)
def test_a_redirect_to_what_is_no_web_address_is_refused(folder: Path, goal: str) -> None:
    with serving(lambda *_: Answer(302, headers={"Location": goal})) as server:
        refused(folder, server, "is not asked: only http and https is used")


def test_a_publisher_is_asked_over_https_only(folder: Path) -> None:
    with serving(lambda *_: whole(CONTENT)) as server:
        plain = PublishedFile(f"{server.url}/model.onnx", FILE.sha256, FILE.size)
        with pytest.raises(PackError, match="is not asked: only https is used"):
            download(plain, folder)
    assert server.requests == []


def test_names_and_passwords_go_to_the_mirror_only(folder: Path, tmp_path: Path) -> None:
    with serving(lambda *_: whole(CONTENT)) as other:

        def answer(number: int, path: str, headers: Mapping[str, str]) -> Answer:
            goal = "/again" if number == 1 else f"{other.url}/x"
            return Answer(302, headers={"Location": goal, "Set-Cookie": "a=b"})

        with serving(answer) as server:
            mirror = server.url.replace("//", "//anna:secret@")
            assert got(folder, server, mirror=mirror) == CONTENT
    assert [h.get("Authorization", "")[:5] for _, h in server.requests] == ["Basic", "Basic"]
    [(_, headers)] = other.requests
    assert not {"Authorization", "Cookie", "Referer"} & headers.keys()
    assert "Cookie" not in server.requests[1][1]


def test_what_netrc_holds_goes_to_nobody(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login anna password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(lambda *_: whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT
    assert "Authorization" not in server.requests[0][1]


def test_a_sentence_holds_neither_password_nor_key(folder: Path) -> None:
    def answer(number: int, *_: object) -> Answer:
        if number == 1:
            return Answer(302, headers={"Location": "/x?X-Signature=key"})
        return Answer(404)

    with serving(answer) as server:
        mirror = server.url.replace("//", "//anna:secret@")
        with pytest.raises(PackError, match="has no model") as caught:
            download(FILE, folder, mirror=mirror)
    assert not any(word in str(caught.value) for word in ("secret", "Signature", "anna"))


# --- TLS and proxies --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost that it signed itself, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_a_certificate_that_nobody_trusts_is_a_sentence(folder: Path, certificate: Path) -> None:
    with serving(lambda *_: whole(CONTENT), certificate) as server:
        refused(folder, server, "certificate is not trusted here.*REQUESTS_CA_BUNDLE")
    assert server.requests == []


def test_a_certificate_can_be_named(
    folder: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(lambda *_: whole(CONTENT), certificate) as server:
        assert got(folder, server) == CONTENT


def test_a_redirect_from_https_to_http_is_refused(
    folder: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with (
        serving(lambda *_: whole(CONTENT)) as plain,
        serving(
            lambda *_: Answer(302, headers={"Location": f"{plain.url}/x"}), certificate
        ) as server,
    ):
        refused(folder, server, "only https is used")
    assert plain.requests == []


def test_a_proxy_of_the_environment_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda *_: whole(CONTENT)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert got(folder, proxy, mirror="http://mirror.invalid/packs") == CONTENT
    assert [path for path, _ in proxy.requests] == ["http://mirror.invalid/packs/model.onnx"]


def test_https_goes_through_a_proxy_unread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked to connect; this one refuses."""
    with serving(lambda *_: Answer(407)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//anna:secret@"))
        with pytest.raises(
            PackError, match=r"the proxy does not connect to publisher.invalid"
        ) as caught:
            download(FILE, folder, wait=lambda _: None)
    assert "secret" not in str(caught.value)
    assert [path for path, _ in proxy.requests] == ["CONNECT publisher.invalid:443"]


def test_a_host_in_no_proxy_is_asked_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost")
    with serving(lambda *_: whole(CONTENT)) as server:
        assert got(folder, server) == CONTENT


# --- the disk ---------------------------------------------------------------------------------


def full_disk(room: int) -> Callable[..., object]:
    real = downloading.create_own

    class Full:
        def __init__(self, stream: object) -> None:
            self.stream, self.left = stream, room

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()  # type: ignore[attr-defined]

        def write(self, data: bytes) -> int:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(28, "No space left on device")
            return self.stream.write(data)  # type: ignore[attr-defined, no-any-return]

    return lambda path, private: Full(real(path, private=private))


def test_a_full_disk_is_a_sentence_and_what_came_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda _, __, headers: whole(CONTENT, begin_of(headers))) as server:
        with monkeypatch.context() as patch:
            patch.setattr(downloading, "create_own", full_disk(HALF))
            refused(folder, server, r"cannot be written .*No space left on device.*free some space")
        here = (folder / "model.onnx.part").stat().st_size
        assert 0 < here <= HALF
        assert got(folder, server) == CONTENT
    assert server.ranges == [None, f"bytes={here}-"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.part"])
def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / name).symlink_to(tmp_path / "precious")
    with serving(lambda *_: whole(CONTENT)) as server, pytest.raises(PackError, match="is a link"):
        download(FILE, folder, mirror=server.url)
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("status", [200, 206])
def test_numbers_of_thousands_of_digits_are_refused(folder: Path, status: int) -> None:
    """Python raises ValueError for them."""
    many = "9" * 5_000
    if status == 200:
        with serving(lambda *_: Answer(200, CONTENT, {"Content-Length": many})) as server:
            refused(folder, server, "offers far too many bytes")
        return
    (folder / "model.onnx.part").write_bytes(CONTENT[:HALF])
    said = {"Content-Range": f"bytes {many}-{many}/{many}"}

    def answer(_: int, __: str, headers: Mapping[str, str]) -> Answer:
        return Answer(206, CONTENT, said) if begin_of(headers) else whole(CONTENT)

    with serving(answer) as server:
        assert got(folder, server) == CONTENT


@pytest.mark.parametrize("mirror", ["http://[bad", "https://user:secret@[bad/x"])
def test_brackets_that_hold_no_address_are_a_sentence(folder: Path, mirror: str) -> None:
    with pytest.raises(PackError, match=r"'\[bad' is no address that can be asked") as caught:
        download(FILE, folder, mirror=mirror, wait=lambda _: None)
    assert "secret" not in str(caught.value)
