"""What is said when a cluster cannot be made, reached or joined; what works is in `tests/engine/cluster`."""

from __future__ import annotations

import importlib.util
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic_event import make_workspace, write_photo

from facesort.cli import cli
from facesort.engine.cluster import reach
from facesort.engine.cluster.certificates import make_certificates


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "made"
    make_certificates(folder, 30)
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "source" / "a.jpg", [1])
    make_workspace(root, root / "source")
    return root / "hot"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_WAIT_S", 0.5)


def test_certificates_are_made_once(tmp_path: Path) -> None:
    first, second = (run("cluster", "certificates", tmp_path / "new") for _ in range(2))

    assert first.exit_code == 0
    assert re.search(
        r"has ca\.pem, scheduler\.pem, worker\.pem and client\.pem, valid until 20", first.output
    )
    assert "copy ca.pem and worker.pem, and nothing else, to each machine" in first.output
    assert second.exit_code == 1
    assert "has certificates already, which stay as they are: choose another" in second.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cluster start --bind 0.0.0.0", "others can reach 0.0.0.0: give --certificates DIR"),
        ("cluster start --certificates {source}", "ca.pem is missing: a scheduler needs ca.pem and scheduler.pem"),
        ("worker office-1:8786 --source {source} --pack synthetic", "'office-1:8786' is no address of a cluster"),
        ("worker tcp://office-1 --source {source} --pack synthetic", "without TLS, which is for this machine only"),
        ("worker tls://office-1 --source {source} --pack synthetic", "tls://office-1:8786 needs certificates"),
        ("worker tcp://[::1] --source {source} --pack synthetic --certificates {made}", "leave out --certificates; or"),
        ("sort -w {hot} --cluster tcp://[::1] --certificates {made}", "or `run.cluster_certificates` in"),
        ("worker tcp://[::1] --source {source}/a.jpg --pack synthetic", "a.jpg is no folder"),
        ("worker tcp://[::1] --pack synthetic --workers 4-2", "4-2: MIN is from 1 to MAX, which is 2"),
        ("worker tcp://[::1] --pack synthetic --workers 0-3", "0-3: MIN is from 1 to MAX, which is 3"),
        ("worker tcp://[::1] --pack synthetic --workers 1-300", "300 is not in the range 0<=x<=256"),
        ("worker tcp://[::1] --pack synthetic --workers few", "'few' is not a valid integer"),
        ("serve --workers 300", "300 is not in the range 0<=x<=256"),
        ("worker tcp://[::1] --source -x={source} --pack synthetic", "it begins with '-'"),
        ("worker tcp://[::1] --source a={source} --source a={source} --pack synthetic", "a is given twice"),
        ("worker tcp://[::1] --source {source} --pack nothing", "there is no model pack 'nothing' here"),
        ("sort -w {hot} --cluster office", "'office' is no address of a cluster"),
        ("sort -w {hot} --cluster tls://{silent}", "needs certificates: give their folder with --certificates"),
        ("sort -w {hot} --cluster tcp://{silent}", "tcp://{silent} cannot be reached: nobody listens there: start it"),
        ("sort -w {hot} --cluster tls://{silent} --certificates {made}", "nobody listens there: start it with"),
        ("sort -w {hot} --cluster tcp://{silent} -p cluster x", "cluster is given with --cluster, not with -p"),
        ("sort -w {hot} -p cluster x", "'x' is no address of a cluster"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence(
    words: str, said: str, workspace: Path, certificates: Path, silent: str, tmp_path: Path
) -> None:
    places = {
        "made": certificates,
        "hot": workspace,
        "silent": silent,
        "source": workspace.with_name("source"),
    }
    done = run(*words.format(**places).split())

    assert done.exit_code in (1, 2)
    assert said.format(**places) in done.output
    assert "Traceback" not in done.output
    assert len(done.output.splitlines()) <= 4


@pytest.mark.parametrize(
    "words",
    [
        "cluster certificates {new}",
        "cluster start",
        "worker tcp://[::1] --source {source} --pack synthetic",
        "sort -w {hot} --cluster tcp://[::1]",
    ],
)
def test_where_the_extra_is_missing_it_is_said_what_to_install(
    words: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "facesort.extras.find_spec",
        lambda name: None if name == "distributed" else found(name),
    )
    places = {"new": tmp_path / "new", "hot": workspace, "source": workspace.with_name("source")}

    done = run(*words.format(**places).split())

    assert done.exit_code == 1
    assert "needs distributed, which is not installed: pip install 'facesort[dask]'" in done.output
    assert not (tmp_path / "new").exists()
