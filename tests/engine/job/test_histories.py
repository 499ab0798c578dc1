"""Random histories of cards, sorted after every step, sometimes after a kill: what is stored is what is on the disks.

The model knows nothing of scans, files and photos: it looks at the bytes that are there, and at all that ever were.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from images.synthetic_photos import dng
from PIL import Image
from synthetic_event import make_workspace
from torture.campaign import share

from facesort.core.sources.shots import Pairs
from facesort.engine.analysis import analyse
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.reasons import PhotoStatus
from facesort.settings import save_settings
from facesort.store.queries import reports
from facesort.store.queries.delivery.corrections import corrections
from facesort.workspace import Workspace, open_workspace

KNOWN = (1, 2, 3, 4)
HOUR_NS = 3600 * 10**9
START_NS = 1_700_000_000 * 10**9
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as in the workers

ANCHOR = "ANCHOR.JPG"
"""A photo on each card that stays as it is: a card of which nothing is left is another card, and is asked about."""
PAIR = "PAIR"
"""In the names of RAW and JPEG files: they are edited by `edit_a_pair` only."""
POINTS = ("scanned", "processing", "staged", "recording", "recorded", "written", "committed")


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Content:
    """Bytes that a camera wrote; `people` is None if they are no picture."""

    data: bytes
    people: tuple[int, ...] | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Event:
    """Cards on disks, and everything that was ever on them at a sort."""

    folder: Path
    workspace: Workspace
    pack: ModelPack
    chance: random.Random
    contents: dict[str, Content] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    raws: dict[str, str] = field(default_factory=dict)  # SHA-256 of a RAW to that of its JPEG
    taken: dict[str, str] = field(default_factory=dict)  # the same, until the next sort sees them
    edited: dict[str, str] = field(
        default_factory=dict
    )  # SHA-256 of a JPEG to that of its new version
    shots: int = 0
    analysed: Counter[str] = field(default_factory=Counter)
    killed: int = 0

    # --- what is there --------------------------------------------------------------------------

    @property
    def cards(self) -> dict[str, Path]:
        return dict(open_workspace(self.workspace.root).settings.sources)

    def files(self) -> list[Path]:
        return sorted(p for card in self.cards.values() for p in card.rglob("*") if p.is_file())

    def content(self, kind: str) -> Content:
        """A picture that was never taken before; bitmaps all have the same size."""
        people = tuple(self.chance.sample(range(1, 7), self.chance.choice([0, 1, 1, 2])))
        return self.picture(people, kind)

    def picture(self, people: tuple[int, ...], kind: str = "JPG") -> Content:
        self.shots += 1
        shade = 60 + self.shots % 150
        pixels = np.full((200, 320, 3), shade, np.uint8)
        pixels[:8, :8] = self.shots % 256, self.shots // 256, 7
        for position, identity in enumerate(people):
            left = 20 + 140 * position
            draw_synthetic_face(pixels, (left, 50, left + 96, 146), identity)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, {"JPG": "JPEG"}.get(kind, kind))
        return self._keep(Content(out.getvalue(), people))

    def _keep(self, content: Content) -> Content:
        self.contents[content.sha256] = content
        return content

    def write(self, path: Path, content: Content) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.data)
        self.shots += 1
        time_ns = START_NS + self.shots * 61 * 10**9
        os.utime(path, ns=(time_ns, time_ns))

    def free_name(self, suffix: str) -> Path:
        card = self.chance.choice(list(self.cards.values()))
        self.shots += 1
        return card / f"{self.chance.choice('AB')}" / f"DSC{self.shots:05d}.{suffix}"

    # --- what happens to it -----------------------------------------------------------------------

    def add(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            kind = self.chance.choice(["BMP", "JPG"])
            self.write(self.free_name(kind), self.content(kind))

    def add_pair(self) -> None:
        path = self.free_name("JPG")
        path = path.with_name(f"{PAIR}{path.name}")
        jpeg = self.content("JPG")
        picture = Image.open(io.BytesIO(jpeg.data))
        raw = self._keep(Content(dng(picture, preview=jpeg.data), jpeg.people))
        self.write(path, jpeg)
        self.write(path.with_suffix(".DNG"), raw)
        self.taken[raw.sha256] = jpeg.sha256

    def copy(self) -> None:
        for path in self.some():
            target = self.free_name(path.suffix[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    def rename(self) -> None:
        for path in self.some():
            path.rename(path.with_name(f"R{path.name}"))

    def rename_all_of_a_card(self) -> None:
        card = self.chance.choice(list(self.cards.values()))
        for path in [p for p in card.rglob("*") if p.is_file() and p.name != ANCHOR]:
            path.rename(path.with_name(f"X{path.name}"))

    def move(self) -> None:
        for path in self.some():
            target = self.free_name(path.suffix[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)

    def edit(self) -> None:
        for path in self.some(PAIR):
            self.write(path, self.content("BMP"))

    def edit_a_pair(self) -> None:
        """Edit a JPEG beside its RAW: the new version stands for the shot."""
        for path in self.files():
            raw = path.with_suffix(".DNG")
            if PAIR in path.name and path.suffix == ".JPG" and raw.is_file():
                now, before = (hashlib.sha256(p.read_bytes()).hexdigest() for p in (raw, path))
                if self.raws.get(now) != before:
                    continue
                new = self.content("JPG")
                self.write(path, new)
                if sum(sha256 == before for sha256 in self.raws.values()) == 1:
                    self.raws[now] = new.sha256
                    self.edited[before] = new.sha256
                return

    def replace_with_same_size(self) -> None:
        """As a second card does: the same name and size, 45 min 1 s later."""
        for path in [p for p in self.some(PAIR) if p.suffix == ".BMP"]:
            before = path.stat()
            self.write(path, self.content("BMP"))
            if path.stat().st_size == before.st_size:
                time_ns = before.st_mtime_ns + 2_701 * 10**9
                os.utime(path, ns=(time_ns, time_ns))

    def truncate(self) -> None:
        for path in self.some(PAIR):
            data = path.read_bytes()
            half = self._keep(Content(data[: len(data) // 3] + str(self.shots).encode(), None))
            self.write(path, half)

    def delete(self) -> None:
        for path in self.some()[:1]:
            path.unlink()

    def shift_the_clock(self) -> None:
        card = self.chance.choice(list(self.cards.values()))
        for path in [p for p in card.rglob("*") if p.is_file()]:
            time_ns = path.stat().st_mtime_ns + HOUR_NS
            os.utime(path, ns=(time_ns, time_ns))

    def touch(self) -> None:
        for path in self.some():
            os.utime(path)

    def another_card(self) -> None:
        if len(self.cards) < 3:
            card = self.folder / f"mount-{self.shots}"
            card.mkdir()
            settings = open_workspace(self.workspace.root).settings
            sources = settings.sources | {f"card-{len(settings.sources) + 1}": card}
            self._save(sources)
            self.write(card / ANCHOR, self.content("JPG"))
            self.write(card / "A" / f"DSC{self.shots:05d}.JPG", self.content("JPG"))

    def another_mount(self) -> None:
        name, card = self.chance.choice(list(self.cards.items()))
        if any(p.is_file() for p in card.rglob("*")):
            target = card.with_name(f"{card.name}x")
            card.rename(target)
            self._save(self.cards | {name: target})

    def pair_by(self, pairs: Pairs) -> None:
        settings = open_workspace(self.workspace.root).settings
        photos = settings.photos.model_copy(update={"pairs": pairs})
        changed = settings.model_copy(update={"photos": photos})
        save_settings(changed, self.workspace.root / "facesort.toml")

    def _save(self, sources: dict[str, Path]) -> None:
        settings = open_workspace(self.workspace.root).settings
        changed = settings.model_copy(update={"sources": sources})
        save_settings(changed, self.workspace.root / "facesort.toml")

    def some(self, without: str = ANCHOR) -> list[Path]:
        found = [p for p in self.files() if p.name != ANCHOR and without not in p.name]
        return self.chance.sample(found, min(len(found), self.chance.randint(1, 2)))

    # --- sort, and look -----------------------------------------------------------------------------

    def sort(self, kill_at: int | None = None) -> None:
        left = kill_at

        def at(point: str) -> None:
            nonlocal left
            if left is not None and point in POINTS:
                left -= 1
                if left < 0:
                    raise Killed

        names: dict[str, set[Path]] = defaultdict(set)
        for path in self.files():
            names[hashlib.sha256(path.read_bytes()).hexdigest()].add(path.with_suffix(""))
        self.seen |= set(names)
        # Nothing tells of a pair that was torn before any sort saw it.
        self.raws |= {raw: jpeg for raw, jpeg in self.taken.items() if names[raw] & names[jpeg]}
        self.taken.clear()
        workspace = open_workspace(self.workspace.root)
        with ThreadPoolExecutor(2) as executor:
            run_sort(workspace, self.pack, SortOptions(executor=executor, at=at))

    def step(self) -> None:
        if self.chance.random() < 0.4:
            try:
                self.sort(self.chance.randint(0, 8))
            except Killed:
                self.killed += 1
        self.sort()

    def unit(self, sha256: str) -> str:
        """What is decided for a content: itself, or the JPEG of a RAW."""
        return self.raws.get(sha256, sha256)

    def check(self) -> None:
        there = [hashlib.sha256(p.read_bytes()).hexdigest() for p in self.files()]
        units = {self.unit(sha256) for sha256 in there}
        broken = {sha256 for sha256 in units if self.contents[sha256].people is None}
        with open_workspace(self.workspace.root).open_store(read_only=True) as store:
            counts = reports.counts(store)
            contents = store.rows("SELECT sha256 FROM photo")
        assert counts.total == len(there) == sum(counts.photos.values())
        assert counts.photos[PhotoStatus.PENDING] == 0
        assert counts.photos[PhotoStatus.FAILED] == len(broken)
        assert counts.photos[PhotoStatus.DUPLICATE] == len(there) - len(units)
        matched = {s for s in units if set(self.contents[s].people or ()) & set(KNOWN)}
        assert counts.photos[PhotoStatus.MATCHED] == len(matched)
        assert sorted(s for (s,) in contents) == sorted(self.seen), "each content is one photo"
        self._check_output()
        assert max(self.analysed.values(), default=0) <= 1 + self.killed
        assert (
            sum(self.analysed.values()) <= len({self.unit(s) for s in self.seen}) + 64 * self.killed
        )

    def _check_output(self) -> None:
        copies: dict[str, list[str]] = defaultdict(list)
        for path in (self.folder / "out").rglob("*.jpg"):
            copies[path.parent.name].append(path.stem[-12:])
        for folder, hashes in copies.items():
            assert len(set(hashes)) == len(hashes), f"delivered twice to {folder}"
        for sha256 in {self.unit(s) for s in self.seen}:
            for identity in set(self.contents[sha256].people or ()) & set(KNOWN):
                assert sha256[:12] in copies[f"Person {identity}"], "lost"


STEPS: tuple[Callable[[Event], None], ...] = (
    Event.add,
    Event.add,
    Event.add_pair,
    Event.copy,
    Event.rename,
    Event.rename_all_of_a_card,
    Event.move,
    Event.edit,
    Event.edit_a_pair,
    Event.replace_with_same_size,
    Event.truncate,
    Event.delete,
    Event.shift_the_clock,
    Event.touch,
    Event.another_card,
    Event.another_mount,
)


@pytest.fixture
def event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    (tmp_path / "card").mkdir()
    workspace, pack = make_workspace(tmp_path, tmp_path / "card")
    event = Event(tmp_path, workspace, pack, random.Random(0))
    looked_for, decode = analyse.find_faces, analyse.load_photo

    def load(data: bytes, *args: object, **options: object) -> object:
        event.analysed[hashlib.sha256(data).hexdigest()] += 1
        return decode(data, *args, **options)  # type: ignore[arg-type]

    assert looked_for is not None
    monkeypatch.setattr(analyse, "load_photo", load)
    yield event


def test_an_edited_jpeg_stands_for_its_shot(event: Event) -> None:
    event.add_pair()
    event.sort()
    event.check()
    event.edit_a_pair()
    assert event.edited
    event.sort()
    event.check()
    workspace = open_workspace(event.workspace.root)
    with workspace.open_store(read_only=True) as store:
        wrong = corrections(store)
    (old,) = event.edited
    assert {c.why for c in wrong} <= {"superseded"}
    assert bool(wrong) == bool(set(event.contents[old].people or ()) & set(KNOWN))


def delivered(event: Event, content: Content) -> set[str]:
    """Folders that have a copy of a content."""
    copies = (event.folder / "out").rglob(f"*_{content.sha256[:12]}.jpg")
    return {path.parent.name for path in copies}


def a_pair(event: Event, folder: str = "A") -> tuple[Path, Path]:
    card = event.cards["card-1"]
    jpeg = event.picture((1,))
    path = card / folder / "1.JPG"
    event.write(path, jpeg)
    event.write(
        path.with_suffix(".DNG"),
        Content(dng(Image.open(io.BytesIO(jpeg.data)), preview=jpeg.data), (1,)),
    )
    event.write(card / ANCHOR, event.picture((4,)))
    return path, path.with_suffix(".DNG")


def statuses(event: Event) -> dict[str, str]:
    with open_workspace(event.workspace.root).open_store(read_only=True) as store:
        return dict(store.rows("SELECT path, status FROM file_state WHERE path <> ?", [ANCHOR]))


@pytest.mark.parametrize("pairs", ["jpeg", "raw"])
def test_a_new_version_of_what_was_not_decided_is_linked(event: Event, pairs: Pairs) -> None:
    """Programs write into the RAW, too; the shot is not delivered twice, and the next edit is not lost."""
    event.pair_by(pairs)
    jpeg, raw = a_pair(event)
    decided, linked = (jpeg, raw) if pairs == "jpeg" else (raw, jpeg)
    event.sort()
    before = len(list((event.folder / "out").rglob("*.jpg")))
    event.write(linked, Content(linked.read_bytes() + b"edited", (1,)))
    event.sort()
    names = {p: p.relative_to(event.cards["card-1"]).as_posix() for p in (decided, linked)}
    assert statuses(event) == {names[decided]: "matched", names[linked]: "duplicate"}
    assert len(list((event.folder / "out").rglob("*.jpg"))) == before
    if pairs == "jpeg":
        edited = event.picture((2,))
        event.write(jpeg, edited)
        event.sort()
        assert delivered(event, edited) == {"Person 2"}
        assert statuses(event) == {names[decided]: "matched", names[linked]: "duplicate"}


def test_each_of_two_copies_of_a_pair_may_be_edited(event: Event) -> None:
    jpeg, _ = a_pair(event)
    shutil.copytree(jpeg.parent, jpeg.parent.with_name("B"))
    event.sort()
    for folder, person in (("A", 2), ("B", 3)):
        edited = event.picture((person,))
        event.write(jpeg.parent.with_name(folder) / jpeg.name, edited)
        event.sort()
        assert delivered(event, edited) == {f"Person {person}"}


def test_a_jpeg_that_comes_back_stands_for_its_shot(event: Event) -> None:
    """Under another name, so that it is no version of the file that is gone."""
    jpeg, _ = a_pair(event)
    event.sort()
    jpeg.unlink()
    event.sort()
    assert statuses(event) == {"A/1.DNG": "matched"}
    edited = event.picture((2,))
    event.write(jpeg.with_name("1.jpeg"), edited)
    event.sort()
    assert delivered(event, edited) == {"Person 2"}
    assert statuses(event) == {"A/1.DNG": "duplicate", "A/1.jpeg": "matched"}


def play(event: Event, seed: int, steps: int) -> None:
    event.chance = random.Random(seed)
    event.write(event.cards["card-1"] / ANCHOR, event.content("JPG"))
    event.add()
    event.step()
    event.check()
    for _ in range(steps):
        for step in event.chance.choices(STEPS, k=event.chance.randint(1, 2)):
            step(event)
        event.step()
        event.check()


@pytest.mark.parametrize("seed", range(3))
def test_a_random_history(event: Event, seed: int) -> None:
    play(event, seed, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 100 + share(2, 30)))
def test_a_long_random_history(event: Event, seed: int) -> None:
    play(event, seed, 25)
