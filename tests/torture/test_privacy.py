"""What a job gives away: nothing over the network, and nothing of a face outside the database and the output.

Model files that have changed are refused: ``tests/faces/test_packs.py``.  Who may look into a workspace:
``tests/test_workspace.py``.  What is left of a person who was forgotten: ``tests/engine/privacy/test_forget.py``.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from private_event import faces_of, faces_of_nobody, needles, seen
from synthetic_event import make_event, make_workspace, sort_in_threads
from torture import traced_sort
from torture.campaign import Ledger, share
from torture.test_load import make_many
from torture.trace import calls, needs_strace

from facesort.engine.privacy.forget import forget
from facesort.lab.run.launch import launch
from facesort.reasons import PhotoStatus
from facesort.store import Store
from facesort.store.queries import reports
from facesort.store.store import vector

IN_THE_DARK = ["unshare", "--net", "--map-root-user"]


def _may_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return not subprocess.run([*IN_THE_DARK, "true"], capture_output=True, check=False).returncode


needs_dark = pytest.mark.skipif(
    not _may_unshare(), reason="network namespaces take Linux and its permission"
)


def in_the_dark(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*IN_THE_DARK, *command], capture_output=True, text=True, timeout=300, check=False
    )


@needs_dark
def test_a_sort_needs_no_network(tmp_path: Path) -> None:
    """With real workers, where not even the loopback device is up."""
    make_event(tmp_path / "source", 20)
    workspace, _ = make_workspace(tmp_path, tmp_path / "source")

    done = in_the_dark(sys.executable, traced_sort.__file__, str(workspace.root), "1")

    assert json.loads(done.stdout)[0] == "finished", done.stderr
    with workspace.open_store(read_only=True) as store:
        assert reports.counts(store).photos[PhotoStatus.PENDING] == 0


@needs_dark
@pytest.mark.skipif(
    shutil.which("ip") is None, reason="ip (iproute2) brings the loopback device up"
)
def test_a_notebook_needs_no_network_but_this_machine(tmp_path: Path) -> None:
    """Jupyter's processes talk through the loopback device; there is no other one."""
    make_event(tmp_path / "source", 20)
    workspace, _ = make_workspace(tmp_path, tmp_path / "source")
    sort = f"{sys.executable} -m facesort sort -w {workspace.root} --runs {tmp_path / 'runs'}"

    done = in_the_dark("sh", "-c", f"ip link set lo up && exec {sort}")

    assert done.returncode in (0, 3), done.stderr  # 3: done, and some photos failed, as they must
    (summary,) = tmp_path.glob("runs/*/summary.json")
    assert json.loads(summary.read_text())["state"] == "finished"


@needs_strace
def test_a_sort_speaks_to_nobody(tmp_path: Path) -> None:
    make_event(tmp_path / "source", 20)
    workspace, _ = make_workspace(tmp_path, tmp_path / "source")

    asked = calls(workspace.root, ["connect", "sendto", "sendmsg", "bind"], workers=1)

    assert [call for call in asked if "AF_INET" in call.flags] == []


def embeddings(store: Store) -> list[bytes]:
    return [
        bytes(row[0])
        for table in ("face", "reference")
        for row in store.rows(f"SELECT embedding FROM {table}")
    ]


def begins(embedding: np.ndarray) -> bytes:
    """Pattern of an embedding's first two numbers as text; one alone is also how many seconds something took."""
    first, second = embedding[:2]
    ways = [(f"{number:.6f}"[:-2], f"{number:.5e}"[:-6]) for number in (first, second)]
    pairs = [tuple(re.escape(text).encode() for text in way) for way in zip(*ways, strict=True)]
    return b"|".join(one + rb"[\de+-]*[\s,;]+" + other for one, other in pairs)


def crops(store: Store) -> list[bytes]:
    return [bytes(row[0]) for row in store.rows("SELECT crop FROM face")]


def test_logs_state_and_notebooks_hold_no_embedding_and_no_crop(tmp_path: Path) -> None:
    """Neither as bytes, nor as text: an embedding's first two numbers are looked for, as JSON or repr has them."""
    make_event(tmp_path / "source", 20)
    workspace, _ = make_workspace(tmp_path, tmp_path / "source")
    launch(
        "03_sort",
        {"workspace": str(workspace.root), "contact_sheet": 0},
        runs=tmp_path / "runs",
        job="x",
        echo=io.StringIO(),
    )
    with workspace.open_store(read_only=True) as store:
        secrets, pictures = embeddings(store), crops(store)
    assert len(secrets) > 10
    needles = [secret[:32] for secret in secrets] + [picture[:200] for picture in pictures]
    needles += [base64.b64encode(secret[:30]) for secret in secrets]
    needles += [base64.b64encode(picture[:60]) for picture in pictures]
    written = re.compile(b"|".join(begins(vector(secret)) for secret in secrets))

    elsewhere = [tmp_path / "runs", workspace.state, workspace.staging, tmp_path / "out"]
    files = [path for folder in elsewhere for path in folder.rglob("*") if path.is_file()]
    found = {
        (path.name, needle) for path in files for needle in needles if needle in path.read_bytes()
    }
    found |= {(path.name, said) for path in files for said in written.findall(path.read_bytes())}

    assert len([path for path in files if path.suffix in {".ipynb", ".json"}]) > 4
    assert found == set()
    assert secrets[0][:32] in workspace.database.read_bytes(), "they are looked for wrongly"
    for said in (json.dumps(vector(secrets[0]).tolist()), repr(vector(secrets[0]))):
        assert written.search(said.encode()), said


def test_nothing_is_pickled_to_a_disk(checkout: Path, tmp_path: Path) -> None:
    """Only what sends calls to the machines of a cluster imports a pickler, and writes no file."""
    picklers = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle", "torch"}
    imported = set()
    for path in (checkout / "facesort").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
            elif isinstance(node, ast.keyword):
                refused = isinstance(node.value, ast.Constant) and node.value.value is False
                assert node.arg != "allow_pickle" or refused, path
        if imported & picklers:
            assert path.parent == checkout / "facesort" / "engine" / "cluster"
            assert path.name in {"line.py", "machine.py"}
            imported -= picklers
    assert "numpy" in imported


def test_no_byte_of_a_forgotten_person_is_left_among_45_000_faces(
    ledger: Ledger, tmp_path: Path
) -> None:
    make_many(tmp_path / "source", share(100, 2_250))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        faces = sum(reports.counts(store).faces.values())
        others = faces_of_nobody(store)
        for name in ("Person 2", "Person 3", "Person 4"):
            others += faces_of(store, name)
        # Drawings are alike: what is also in somebody else's crop may stay.
        kept = b"".join(bytes(part) for face in others for part in face)
        wanted = [w for w in set(needles(faces_of(store, "Person 1"))) if w not in kept]
    before = seen(workspace.root, wanted)
    assert before == len(wanted) > 10

    forget(workspace, "Person 1")

    assert seen(workspace.root, wanted) == 0
    assert seen(workspace.root, some := needles(others)[:40]) == len(some)
    ledger.note(f"{faces:,} faces: {before} patterns of a forgotten person before, 0 after")
