"""Links, pipes, folders and files that somebody else put among ours; and what must be as it was afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

import facesort
from facesort.engine.delivery.verify import verify_output
from facesort.engine.job.progress import current_status
from facesort.engine.job.sort import SortOptions, retry_failed, run_rematch
from facesort.engine.privacy.forget import forget
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError
from facesort.lab.shared.saved_runs import saved_runs
from facesort.settings import load_settings, save_settings
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import open_workspace

# --- what may lie there -----------------------------------------------------------------------

LINKS: Mapping[str, str] = {
    "link to a file": "outside/photo.jpg",
    "link to a folder": "outside/album",
    "link to nothing": "outside/not there",
    "link to a photo of the source": "source/card-0/a.png",
    "link to a folder of the source": "source/card-0",
    "link that loops": "",
}
HARD_LINKS: Mapping[str, str] = {
    "other name of a file": "outside/photo.jpg",
    "other name of a photo of the source": "source/card-0/a.png",
}
FILES: Mapping[str, bytes] = {
    "file": b"mine",
    "empty file": b"",
    "JSON of another kind": b'{"pid": "x", "state": "running", "process_started": [], "photos": 3}',
    "JSON without an end": b"[" * 100_000,
}
OTHERS = ("folder", "folder with files", "pipe", "socket")
KINDS = (*LINKS, *HARD_LINKS, *FILES, *OTHERS)


def make_surroundings(root: Path) -> None:
    """What links lead to."""
    for name in (
        "outside/photo.jpg outside/album/one.jpg outside/album/000001/two.jpg outside/album/batches/.000001.json.new "
        "outside/album/Anna/three.jpg source/card-0/a.png"
    ).split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if not (root / name).exists():
            (root / name).write_bytes(b"precious " + name.encode())


def throw(root: Path, path: Path, kind: str) -> None:
    """Put something into a path, in place of what is there; `root` has ``outside/`` and ``source/``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind in LINKS:
        path.symlink_to(root / LINKS[kind] if LINKS[kind] else path)
    elif kind in HARD_LINKS:
        os.link(root / HARD_LINKS[kind], path)
    elif kind in FILES:
        path.write_bytes(FILES[kind])
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        _make_socket(path)
    else:
        path.mkdir()
        if kind == "folder with files":
            (path / "mine").mkdir()
            (path / "mine" / "mine.jpg").write_bytes(b"mine")
            (path / "mine.jpg").write_bytes(b"mine")


def _make_socket(path: Path) -> None:
    """By a relative path: an absolute one may be longer than a socket's may be."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def is_reached_by_a_link(root: Path, path: Path) -> bool:
    """Whether something on the way to a path is no folder: nothing can be put there without following it."""
    for parent in path.relative_to(root).parents:
        if os.path.lexists(root / parent) and not stat.S_ISDIR((root / parent).lstat().st_mode):
            return True
    return False


Seen = tuple[str, int, int, str]


def seen(path: Path) -> Seen:
    """Mode, size, time and content of one thing, links not followed."""
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        return "folder", found.st_mode, found.st_mtime_ns, ""
    if stat.S_ISREG(found.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        content = os.readlink(path) if stat.S_ISLNK(found.st_mode) else ""
    return f"{found.st_size} bytes", found.st_mode, found.st_mtime_ns, content


def snapshot(folder: Path) -> dict[str, Seen]:
    """Everything at and below a folder, links not followed."""
    everything = {"": seen(folder)}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            everything[path.relative_to(folder).as_posix()] = seen(path)
    return everything


class Hangs(BaseException):
    """Somebody waits for a pipe, or in another way for ever."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise `Hangs` after some time; only in the main thread."""

    def give_up(*_: object) -> None:
        raise Hangs(f"nothing happened for {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- the world that they lie in ---------------------------------------------------------------


class Killed(BaseException):
    """The process ends here; no code of the program runs after it."""


@dataclass(frozen=True)
class World:
    """Two workspaces of a tiny event, prepared once and copied for every case.

    Parameters
    ----------
    prepared : Path
        With ``source/``, ``outside/``, and in ``new/``, ``killed/`` and ``sorted/`` a workspace and its output.
    targets : tuple of str
        What a sort writes into the output.
    staged : tuple of str
        What it stages for that.
    """

    prepared: Path
    targets: tuple[str, ...]
    staged: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> World:
        """Prepare it."""
        source = folder / "source"
        write_photo(source / "card-0" / "a.png", [1, 2], variation=41)
        write_photo(source / "card-0" / "b.png", [6], variation=43, shade=120)
        write_photo(source / "card-1" / "c.png", [2], variation=45, shade=140)
        make_surroundings(folder)
        make_workspace(folder / "new", source)
        for state in ("killed", "sorted"):
            shutil.copytree(folder / "new" / "hot", folder / state / "hot")
        _place(folder / "killed")
        with suppress(Killed):
            sort_in_threads(*open_with_pack(folder / "killed" / "hot"), at=_kill_at("after_copy"))
        staged = tuple(p.name for p in (folder / "killed" / "hot" / "staging" / "000001").iterdir())
        _place(folder / "sorted")
        sort_in_threads(*open_with_pack(folder / "sorted" / "hot"))
        return cls(folder, tuple(tree(folder / "sorted" / "out")), staged)

    def copy(self, state: str, folder: Path) -> Path:
        """One of the workspaces, with a source and an outside of its own; returns the workspace."""
        for name in ("source", "outside"):
            shutil.copytree(self.prepared / name, folder / name)
        shutil.copytree(self.prepared / state, folder, dirs_exist_ok=True)
        (folder / "out").mkdir(exist_ok=True)
        (folder / "runs").mkdir()
        _place(folder)
        if state == "sorted":  # or the next sort would have nothing to do
            write_photo(folder / "source" / "card-1" / "d.png", [1, 3], variation=47, shade=90)
        return folder / "hot"

    def ours(self, root: Path) -> list[str]:
        """Every name that facesort gives, relative to a copy."""
        mark = hashlib.sha256(os.fsencode(root / "hot")).hexdigest()[:8]
        small = (
            "facesort.toml corrections.csv backups.json state/output.json state/owner.json state/progress.json "
            "state/heartbeat.json state/batches/000001.json state/batches/000002.json"
        ).split()
        new = [str(Path(name).with_name(f".{Path(name).name}.new")) for name in small]
        databases = ("facesort.duckdb", ".facesort.duckdb.new")
        database = [name + end for name in databases for end in ("", ".wal", ".tmp")]
        folders = "state state/batches staging staging/000001 staging/000002 staging/000099".split()
        staged = [f"staging/{n}/{s}" for n in ("000001", "000002") for s in self.staged]
        hot = [*small, *new, *database, "sort.lock", *folders, *staged]
        partial = [
            f"{p}/.{n}.{mark}.facesort-part"
            for p, _, n in (target.rpartition("/") for target in self.targets)
        ]
        folders = sorted({target.split("/")[0] for target in self.targets})
        out = [*self.targets, *partial, *folders]
        return [*(f"hot/{name}" for name in hot), *(f"out/{name}" for name in out)]

    def similar(self) -> list[str]:
        """Names that look like ours, and are not."""
        hot = (
            "staging/@eaDir staging/1 staging/0000001x staging/000001.old staging/000001/@eaDir "
            "staging/000001/mine.jpg staging/.000001 .facesort.duckdb.new-mine facesort.duckdb.bak "
            "corrections-mine.csv upload-mine upload-of-mine.jpg state/mine.json state/.mine.new state/.mine.json.new "
            "state/batches/mine.json state/batches/.mine.json.new state/batches/000001.json.bak mine packs/mine"
        ).split()
        target = self.targets[0]
        folder, _, name = target.rpartition("/")
        out = [
            f"{folder}/.{name}.facesort-part",
            f"{folder}/.{name}.0123abcd.facesort-part",
            f"{folder}/.mine.facesort-part",
            f"{folder}/mine.jpg",
            "mine",
            ".mine.facesort-part",
        ]
        runs = "20260101T000000Z-a 20260101T000000Z-a/summary.json .20260101T000000Z-a mine".split()
        return [
            *(f"hot/{name}" for name in hot),
            *(f"out/{name}" for name in out),
            *(f"runs/{name}" for name in runs),
        ]


def _place(folder: Path) -> None:
    """Tell a copied workspace where its source and output are now."""
    path = folder / "hot" / "facesort.toml"
    source = folder / "source" if (folder / "source").is_dir() else folder.parent / "source"
    places = {"sources": {"card-1": source}, "output": folder / "out"}
    save_settings(load_settings(path).model_copy(update=places), path)


def _kill_at(point: str) -> Callable[[str], None]:
    def at(passed: str) -> None:
        if passed == point:
            raise Killed

    return at


# --- what a user does with it -----------------------------------------------------------------


def _sort(root: Path) -> None:
    sort_in_threads(*open_with_pack(root / "hot"))


def _rematch(root: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        run_rematch(*open_with_pack(root / "hot"), SortOptions(executor=executor))


def _forget(root: Path, name: str | None) -> None:
    workspace = open_workspace(root / "hot")
    forget(workspace, name)
    saved_runs(root / "runs", workspace.root)


def _open(root: Path) -> None:
    with facesort.open(root / "hot") as event:
        event.photos.fetchall()


def _verify(root: Path) -> None:
    workspace = open_workspace(root / "hot")
    with workspace.open_store(read_only=True) as store:
        verify_output(workspace.settings.output, verified_writes(store))


VERBS: Mapping[str, Callable[[Path], object]] = {
    "sort": _sort,
    "rematch": _rematch,
    "status": lambda root: current_status(open_workspace(root / "hot")),
    "forget": lambda root: _forget(root, "Person 2"),
    "forget unknown faces": lambda root: _forget(root, None),
    "retry": lambda root: retry_failed(open_workspace(root / "hot")),
    "open": _open,
    "verify": _verify,
}


@dataclass(frozen=True, order=True)
class Thing:
    """One thing that somebody put somewhere; `name` is relative to the copy of the world."""

    name: str
    kind: str


def check(
    world: World, root: Path, state: str, things: Sequence[Thing], verbs: Sequence[str]
) -> str:
    """Throw things into a copy of a world, do what a user does, and see that only ours has changed.

    Returns
    -------
    str
        What the verbs said.
    """
    world.copy(state, root)
    ours = set(world.ours(root))
    thrown = []
    for thing in things:
        path = root / thing.name
        if not is_reached_by_a_link(root, path) and not any(p in path.parents for p, _ in thrown):
            throw(root, path, thing.kind)
            thrown.append((path, thing))
    apart = {name: snapshot(root / name) for name in ("outside", "source")}
    delivered = snapshot(root / "out")
    foreign = {
        path: snapshot(path)
        for path, thing in thrown
        if os.path.lexists(path) and (thing.kind not in FILES or thing.name not in ours)
    }
    said = [_outcome(root, verb) for verb in verbs]
    for name, before in apart.items():
        assert snapshot(root / name) == before, f"{name} was changed"
    _compare(root, foreign, ours)
    after = snapshot(root / "out")
    for name, before_it in delivered.items():
        is_file = before_it[0] != "folder"
        if is_file and not (name.endswith(".facesort-part") and f"out/{name}" in ours):
            assert after.get(name) == before_it, f"out/{name} was changed"
    return "\n".join(said)


def _compare(root: Path, foreign: Mapping[Path, Mapping[str, Seen]], ours: set[str]) -> None:
    for path, before in foreign.items():
        name = path.relative_to(root).as_posix()
        if name in ours and before[""][0].endswith("bytes") and stat.S_ISREG(before[""][1]):
            continue  # another name of a file: ours may go, the file itself was compared
        if name in ours and list(before) == [""] and before[""][0] == "folder":
            continue  # an empty folder with our name is as good as ours
        assert os.path.lexists(path), f"{name} is gone"
        after = snapshot(path)
        for inner, was in before.items():
            if was[0] != "folder":  # whose time changes when ours is beside it
                assert after.get(inner) == was, f"{name}/{inner} was changed"


def _outcome(root: Path, verb: str) -> str:
    """Success, or an error that explains itself; anything else is raised."""
    try:
        with patience(60):
            VERBS[verb](root)
    except FacesortError as error:
        return f"{verb}: {error}"
    return f"{verb}: done"
