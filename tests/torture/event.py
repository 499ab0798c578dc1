"""An event that was sorted in peace, and what a job that was not must look like in the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filmed_event import with_photos
from synthetic_event import content, make_event, make_workspace, sort_in_threads, tree
from torture.campaign import Ledger

from facesort.engine.delivery.verify import verify_output
from facesort.engine.setup import open_with_pack
from facesort.settings import load_settings, save_settings
from facesort.store.queries.delivery.commit_log import verified_writes

Rows = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True)
class Calm:
    """A prepared workspace that nobody has sorted, and how it ends when nobody interrupts."""

    prepared: Path
    output: dict[str, str]
    rows: Rows
    source: dict[str, str]

    @classmethod
    def of(
        cls,
        folder: Path,
        photos: int,
        make: Callable[[Path, int], None] = make_event,
        **settings: object,
    ) -> Calm:
        """Make an event, and sort a copy of its workspace; the settings are those of `photos`."""
        source = folder / "source"
        make(source, photos)
        with_photos(make_workspace(folder, source)[0], **settings)
        root = copy_of(folder, folder / "calm")
        workspace, pack = open_with_pack(root)
        sort_in_threads(workspace, pack)
        with workspace.open_store() as store:
            return cls(folder, tree(folder / "calm" / "out"), content(store), tree(source))

    def check(self, root: Path, ledger: Ledger, *, but: frozenset[str] = frozenset()) -> None:
        """Let a shaken job end in peace: bytes, rows and gallery are those of this one, and nothing is left over."""
        workspace, pack = open_with_pack(root)
        sort_in_threads(workspace, pack)
        output = tree(workspace.settings.output)
        lost = {name for name, digest in self.output.items() if output.get(name) != digest}
        extra = output.keys() - self.output.keys()
        temporary = {name for name in extra if "facesort-part" in name}
        ledger.count("bytes lost", len(lost))
        ledger.count("files doubled", len(extra - temporary))
        ledger.count("temporary files left", len(temporary))
        assert output == self.output
        with workspace.open_store() as store:
            rows = content(store)
            differ = {name for name in rows if rows[name] != self.rows.get(name)}
            assert differ - but == set()
            assert rows.keys() == self.rows.keys()
            assert verify_output(workspace.settings.output, verified_writes(store)).passed
        assert list(workspace.staging.iterdir()) == []
        assert list(workspace.clips.glob("*")) == []
        assert not [path for path in root.rglob(".*")]


def copy_of(prepared: Path, folder: Path, **changed: object) -> Path:
    """A copy of a prepared workspace with an output of its own, and on the same source, unless settings are changed."""
    shutil.copytree(prepared / "hot", folder / "hot", dirs_exist_ok=True)
    settings = load_settings(folder / "hot" / "facesort.toml")
    settings = settings.model_copy(update={"output": folder / "out"} | changed)
    save_settings(settings, folder / "hot" / "facesort.toml")
    return folder / "hot"
