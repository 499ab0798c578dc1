"""`facesort serve` as a user starts it."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from drawn_service import credentials, drawn, rekognition_at, started

from facesort.cli import cli
from facesort.serve import server


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of services that do not run: they stop when they would begin to listen."""
    monkeypatch.setattr(server, "run", lambda *told: None)
    monkeypatch.setattr("facesort.serve.watch.logs.log_as_json", lambda: None)
    monkeypatch.setenv("FACESORT_SERVICE", str(tmp_path / "service"))
    monkeypatch.setenv("FACESORT_WORKSPACE", str(tmp_path / "no workspace yet"))
    return tmp_path / "service"


def serve(*options: str, code: int = 0) -> Result:
    result = CliRunner().invoke(
        cli, ["serve", "--pack", "synthetic", "--workers", "1", "--port", "0", *options]
    )
    assert result.exit_code == code, result.output
    return result


def test_credentials_are_made_once_and_for_their_owner_only(data: Path) -> None:
    first = serve()
    made = credentials(data)

    assert re.fullmatch("FACESORT[A-Z0-9]{12}", made["access_key_id"])
    assert re.fullmatch("[A-Za-z0-9]{40}", made["secret"])
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "credentials.json").stat().st_mode & 0o777 == 0o600
    # This output may go into a log.
    assert made["secret"] not in first.output
    assert str(data / "credentials.json") in first.output
    again = serve()
    assert credentials(data) == made
    assert "was shown at the first start" in again.output and "--new-token" in again.output

    serve("--new-token")
    assert credentials(data)["secret"] != made["secret"]


def test_a_person_at_a_terminal_sees_the_token_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facesort.cli.serve._is_shown", lambda: True)
    shown, later = serve(), serve()

    secret = credentials(data)["secret"]
    assert secret in shown.output and secret not in later.output
    assert f"export AWS_SECRET_ACCESS_KEY={secret}" in shown.output
    assert re.search(r"AWS_ENDPOINT_URL_REKOGNITION=http://127\.0\.0\.1:\d+\n", shown.output)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bind", "0.0.0.0"], "others can reach this service"),
        (["--bind", "::"], "others can reach this service"),
        (["--bind", "0.0.0.0", "--behind-proxy"], "give --host"),
        (["--behind-proxy"], "give --host"),
        (["--tls-cert", "cert.pem"], "needs both --tls-cert and --tls-key"),
        (["--tls-cert", __file__, "--tls-key", __file__], "are no certificate with its key"),
        (["--tls-cert", "nothing", "--tls-key", "nothing"], "cannot be read (No such file"),
        (["--bind", "192.0.2.1", "--behind-proxy", "--host", "a"], "cannot listen at 192.0.2.1"),
        (["--bind", "nowhere.invalid", "--behind-proxy", "--host", "a"], "cannot listen at"),
    ],
)
def test_what_is_not_safe_is_refused_in_a_sentence(
    data: Path, options: list[str], said: str
) -> None:
    result = serve(*options, code=1)

    assert said in result.output and "Traceback" not in result.output
    assert not data.exists()


def test_a_port_that_is_taken(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = serve("--port", port, code=1)

    assert f"port {port} (Address already in use): choose another with --port" in result.output


def test_a_folder_that_others_can_read_is_refused(data: Path) -> None:
    data.mkdir()
    data.chmod(0o755)

    assert "chmod 700" in serve(code=1).output


def test_damaged_credentials_are_no_credentials(data: Path) -> None:
    data.mkdir(mode=0o700)
    for text in ("", "{", "[]", '{"secret": 1}'):
        (data / "credentials.json").write_text(text)
        assert "is damaged" in serve(code=1).output
    serve("--new-token")
    serve()


def test_a_link_in_place_of_the_credentials_is_not_followed(data: Path, tmp_path: Path) -> None:
    serve()
    (data / "credentials.json").rename(tmp_path / "theirs")
    (data / "credentials.json").symlink_to(tmp_path / "theirs")

    assert "is a link" in serve(code=1).output
    assert "is a link" in serve("--new-token", code=1).output


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [("fastapi", [], "serve"), ("psycopg", ["--postgres", "postgresql://x"], "postgres")],
)
def test_a_missing_extra_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, module: str, options: list[str], extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    said = f"needs {module}, which is not installed: pip install 'facesort[{extra}]'"
    assert said in serve(*options, code=1).output


def test_it_starts_again_after_it_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "service"
    with started(data, tmp_path) as (process, url):
        secret = credentials(data)["secret"]
        bearer = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(f"{url}/metrics", headers=bearer).status_code == 200
        command_line = Path(f"/proc/{process.pid}/cmdline")
        assert not command_line.exists() or secret not in command_line.read_text()
        process.kill()
    with started(data, tmp_path) as (process, url):
        assert httpx.get(f"{url}/metrics", headers=bearer).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None and "stopped" in process.stdout.read()


def test_what_is_written_down_has_no_secret_and_names_nobody(tmp_path: Path) -> None:
    data = tmp_path / "service"
    with started(data, tmp_path) as (_, url):
        known = credentials(data)
        client = rekognition_at(url, known["secret"], known["access_key_id"])
        client.create_collection(CollectionId="wedding")
        indexed = client.index_faces(
            CollectionId="wedding", Image={"Bytes": drawn(1)}, ExternalImageId="somebody.jpg"
        )
        face = indexed["FaceRecords"][0]["Face"]["FaceId"]
        client.create_user(CollectionId="wedding", UserId="somebody")
        client.associate_faces(CollectionId="wedding", UserId="somebody", FaceIds=[face])
        client.delete_user(CollectionId="wedding", UserId="somebody")
        client.delete_faces(CollectionId="wedding", FaceIds=[face])
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.list_faces(CollectionId="somebodys-collection")
    log = (tmp_path / "log").read_text()
    [audit] = data.glob("audit-*.jsonl")
    entries = [json.loads(line) for line in audit.read_text().splitlines()]

    for text in (log, audit.read_text()):
        for secret in (known["secret"], "Signature", "Bearer", face, "somebody.jpg", '"somebody"'):
            assert secret not in text
    assert "wedding" not in log and "somebody" not in log
    assert '"operation": "IndexFaces"' in log
    told = [(e["operation"], e["collection"], e["indexed"], e["deleted"]) for e in entries]
    assert told[:2] == [("CreateCollection", "wedding", 0, 0), ("IndexFaces", "wedding", 1, 0)]
    assert ("DeleteFaces", "wedding", 0, 1) in told
    assert {e["who"] for e in entries} == {known["access_key_id"]}


def test_a_worker_that_dies_fails_one_request_at_most(tmp_path: Path) -> None:
    data = tmp_path / "service"
    with started(data, tmp_path) as (process, url), ThreadPoolExecutor(20) as threads:
        known = credentials(data)
        client = rekognition_at(url, known["secret"], known["access_key_id"])
        image = {"Bytes": drawn(1, 2)}
        assert len(client.detect_faces(Image=image)["FaceDetails"]) == 2
        asked = [threads.submit(client.detect_faces, Image=image) for _ in range(40)]
        for worker in psutil.Process(process.pid).children(recursive=True):
            if "spawn_main" in " ".join(worker.cmdline()):
                worker.kill()
        failed = [each.exception() for each in asked if each.exception() is not None]

        assert len(failed) <= 1
        assert len(client.detect_faces(Image=image)["FaceDetails"]) == 2


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, kind, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def test_with_tls_the_cookie_never_travels_in_the_clear(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key), "--host", "localhost"]
    data = tmp_path / "service"
    with started(data, tmp_path, *options) as (_, url):
        trusted = ssl.create_default_context(cafile=str(certificate))
        form = {"token": credentials(data)["secret"]}
        answer = httpx.post(f"{url}/login", data=form, verify=trusted)
        assert url.startswith("https://localhost:")
        assert (answer.status_code, "; Secure" in answer.headers["set-cookie"]) == (303, True)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/login".replace("https", "http"))
