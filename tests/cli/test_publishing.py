"""`publish` and `unpublish` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from object_stores import KEY, SECRET, client, rclone
from private_event import sorted_event

from facesort.cli import cli


def run(*arguments: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=answer)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))


@pytest.mark.usefixtures("keys")
def test_there_and_back(tmp_path: Path) -> None:
    root = sorted_event(tmp_path)[0].root
    (tmp_path / "store").mkdir()
    with rclone(tmp_path / "store") as endpoint:
        client(endpoint).create_bucket(Bucket="gala")
        command = ["publish", "s3://gala/2026", "--endpoint", endpoint, "-w", root]
        would = run(*command, "--dry-run")
        first = run("-v", *command)
        second = run(*command, "--json")
        asked = run("unpublish", "Ada", "-w", root, answer="n\n")
        back = run("unpublish", "Ada", "-w", root, "--yes")

    assert "would be sent to s3://gala/2026/ at http" in would.stdout
    assert "sent to s3://gala/2026/ at http" in first.stdout
    assert "this server cannot refuse to replace an object" in first.stdout
    assert json.loads(second.stdout)["sent"] == 0
    assert asked.exit_code == 1
    assert "Remove what the folder of Ada put there?" in asked.output
    assert "4 objects removed, 0 were not there" in back.stdout
    assert {path.name for path in (tmp_path / "store/gala/2026").iterdir()} >= {"Ben", "Cleo"}
    for said in (would, first, second, back):
        assert said.exit_code == 0, said.output
        assert SECRET not in said.output
    assert SECRET.encode() not in (root / "facesort.duckdb").read_bytes()


@pytest.mark.usefixtures("keys")
def test_what_fails_is_one_sentence(tmp_path: Path) -> None:
    root = sorted_event(tmp_path)[0].root
    done = run("publish", "s3://gala", "--endpoint", "http://example.invalid:9", "-w", root)
    assert done.exit_code == 1
    assert "has no encryption" in done.stderr
    assert "Traceback" not in done.output
    assert run("publish", "s3://g/x", "--originals", "--from", tmp_path, "-w", root).exit_code == 2
    assert "nothing of Ada was published" in run("unpublish", "Ada", "-w", root).stdout


def test_no_other_verb_loads_what_opens_connections(tmp_path: Path) -> None:
    root = sorted_event(tmp_path)[0].root
    code = (
        "import sys; from click.testing import CliRunner; from facesort.cli import cli\n"
        "for words in (['--help'], ['persons'], ['status'], ['publish', '--help'], "
        f"['export', {str(tmp_path / 'e')!r}]):\n"
        f"    done = CliRunner().invoke(cli, ['-w', {str(root)!r}, *words])\n"
        "    assert done.exit_code == 0, done.output\n"
        "print(sorted({'boto3', 'botocore', 's3transfer', 'urllib3', 'tenacity'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = sorted_event(tmp_path)[0].root
    for name in [n for n in sys.modules if n.startswith("facesort.engine.publishing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)

    done = run("publish", "s3://gala", "-w", root)

    assert done.exit_code == 1
    assert "pip install 'facesort[publish]'" in done.stderr
