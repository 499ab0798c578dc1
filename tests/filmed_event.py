"""An event with clips between the photos."""

from __future__ import annotations

from pathlib import Path

from drawn_clips import Actor, every, stage, write_clip
from synthetic_event import make_workspace, write_photo

from facesort.faces.protocol import ModelPack
from facesort.settings import PhotoSettings, save_settings
from facesort.workspace import Workspace

STRANGER = 5


def make_filmed_event(root: Path, photos: int = 6) -> None:
    """Photos of four known people, and clips of them and a stranger on two cards."""
    for number in range(photos):
        write_photo(root / "card-0" / f"DSC{number:05d}.JPG", [1 + number % 4], variation=40)
    both = [Actor(1, 0, 3000), Actor(2, 1000, 4000, at=lambda ms: (200 + ms // 20, 80))]
    write_clip(root / "card-0" / "C0001.MP4", stage(both, every(100, 4000)))
    # Two appearances of one person, and a stranger meanwhile.
    again = [
        Actor(1, 0, 1600),
        Actor(STRANGER, 0, 12_000, at=lambda _: (400, 80)),
        Actor(1, 10_400, 12_000),
    ]
    write_clip(root / "card-1" / "C0002.MOV", stage(again, every(100, 12_000)))
    alone = [Actor(STRANGER, 0, 1000)]
    write_clip(root / "card-1" / "C0003.MP4", stage(alone, every(100, 1000)))
    write_clip(root / "card-1" / "C0004.MP4", stage([], every(100, 600)))
    (root / "card-1" / "C0005.MP4").write_bytes((root / "card-0" / "C0001.MP4").read_bytes())
    (root / "card-1" / "C0006.MP4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(3000))


def with_photos(workspace: Workspace, **changed: object) -> Workspace:
    """A workspace with other settings of photos, stored too."""
    photos = PhotoSettings.model_validate(workspace.settings.photos.model_dump() | changed)
    settings = workspace.settings.model_copy(update={"photos": photos})
    save_settings(settings, workspace.root / "facesort.toml")
    return Workspace(workspace.root, settings)


def filmed_workspace(folder: Path, **photos: object) -> tuple[Workspace, ModelPack]:
    """A workspace of such an event, in which four people are seeded and clips are taken."""
    make_filmed_event(folder / "source")
    workspace, pack = make_workspace(folder, folder / "source")
    return with_photos(workspace, videos=True, **photos), pack
