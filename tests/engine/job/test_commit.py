"""Copies into the output: nothing lost, nothing doubled, nothing replaced."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from disks import mounted, needs_mount, remount, unprivileged
from foreign_things import FILES, HARD_LINKS, KINDS, make_surroundings, patience, snapshot, throw

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.routing import Jpeg
from facesort.core.records import PhotoRef
from facesort.engine.job.commit import Committer
from facesort.engine.job.staging import Staging
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import OutputError
from facesort.reasons import Reason
from facesort.store.queries.delivery.commit_log import LoggedWrite

posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")

JPEG, OTHER = b"\xff\xd8 one photo" * 200, b"\xff\xd8 another photo" * 200


PHOTO = PhotoRef(7, "day/a.jpg", source="card-1")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def planned(write_id: int, target: str, data: bytes = JPEG) -> LoggedWrite:
    plan = PlannedWrite(7, 1, target, digest(data), len(data))
    return LoggedWrite(write_id, plan, PHOTO)


def tree(root: Path) -> dict[str, bytes]:
    return {
        p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if not p.is_dir()
    }


class Killed(BaseException):
    """The process ends here; no code of the program runs after it."""


@dataclass
class Place:
    """An output, a staging folder, and what the committer asked for."""

    root: Path
    rendered: bytes | None = None
    parts: Sequence[bytes] = ()
    asked: list[LoggedWrite] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    kill_at: str | None = None

    def __post_init__(self) -> None:
        self.output.mkdir(exist_ok=True)
        (self.root / "staging").mkdir(exist_ok=True)
        self.at_the_start = RootFolder.of(self.output)

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def staging(self) -> Staging:
        return Staging(self.root / "staging" / "000001", self.root)

    def stage(self, jpegs: Iterable[bytes] = (JPEG,)) -> None:
        self.staging.write(list(map(Jpeg.of, jpegs)))

    def render(self, write: LoggedWrite) -> bytes | None:
        self.asked.append(write)
        return self.rendered

    def stream(self, _: LoggedWrite) -> Iterator[bytes]:
        yield from self.parts

    def at(self, point: str) -> None:
        self.passed.append(point)
        if point == self.kill_at:
            raise Killed

    def carry_out(self, writes: Sequence[LoggedWrite]) -> dict[int, Reason]:
        return Committer(
            self.at_the_start, self.staging, self.render, self.stream, self.at
        ).carry_out(writes)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


TWO = [planned(1, "Anna/a_1.jpg"), planned(2, "Ben/a_1.jpg")]


def test_nothing_planned_nothing_done(place: Place) -> None:
    assert place.carry_out([]) == {}
    assert list(place.output.iterdir()) == []


def test_every_copy_is_made(place: Place) -> None:
    place.stage([JPEG, OTHER])
    writes = [*TWO, planned(3, "Anna/b_2.jpg", OTHER)]
    assert place.carry_out(writes) == {}
    assert tree(place.output) == {
        "Anna/a_1.jpg": JPEG,
        "Ben/a_1.jpg": JPEG,
        "Anna/b_2.jpg": OTHER,
    }
    assert place.asked == []
    assert place.passed == ["before_copy"] * 3 + ["after_copy", "after_rename"] * 3


@posix
def test_copies_and_their_folders_survive_a_power_cut(
    place: Place, synced: list[tuple[int, int, list[str]]]
) -> None:
    place.stage()
    assert (place.staging.folder.stat().st_ino, 0, [f"{digest(JPEG)}.jpg"]) in synced
    del synced[:]
    place.carry_out(TWO)
    anna, ben = place.output / "Anna", place.output / "Ben"
    copies = [(path.stat().st_ino, len(JPEG), []) for path in (anna / "a_1.jpg", ben / "a_1.jpg")]
    assert sorted(synced[:2]) == sorted(copies)
    assert sorted(synced[2:]) == sorted(
        (folder.stat().st_ino, 0, names)
        for folder, names in (
            (place.output, ["Anna", "Ben"]),
            (anna, ["a_1.jpg"]),
            (ben, ["a_1.jpg"]),
        )
    )


def test_an_output_that_is_swapped_after_the_last_copy_is_noticed(place: Place) -> None:
    """An unplugged disk may leave folders of the same names."""
    place.stage()

    class Unplugging(Place):
        def at(self, name: str) -> None:
            super().at(name)
            if self.passed.count("after_rename") == 2:
                self.output.rename(self.root / "away")
                for folder in ("Anna", "Ben"):
                    (self.output / folder).mkdir(parents=True)

    with pytest.raises(OutputError, match="plug in the disk"):
        Unplugging(place.root).carry_out(TWO)


def test_what_is_done_is_verified_and_not_touched(place: Place) -> None:
    place.stage()
    place.carry_out(TWO)
    before = [(place.output / w.plan.target).stat() for w in TWO]
    place.staging.remove()
    assert place.carry_out(TWO) == {}
    after = [(place.output / w.plan.target).stat() for w in TWO]
    assert [(s.st_ino, s.st_mtime_ns) for s in after] == [(s.st_ino, s.st_mtime_ns) for s in before]
    assert place.asked == [], "it was found, not rendered"


@pytest.mark.parametrize(
    "foreign", [b"", b"mine", JPEG[:-1], JPEG + b"x", bytes(len(JPEG))], ids=len
)
def test_a_foreign_file_keeps_its_name_and_its_content(place: Place, foreign: bytes) -> None:
    place.stage()
    (place.output / "Anna").mkdir()
    target = place.output / "Anna" / "a_1.jpg"
    target.write_bytes(foreign)
    before = target.stat()
    assert place.carry_out(TWO) == {1: Reason.NAME_TAKEN}
    assert tree(place.output) == {"Anna/a_1.jpg": foreign, "Ben/a_1.jpg": JPEG}
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@posix
@pytest.mark.parametrize("kind", ["folder", "link to nothing", "link to a photo"])
def test_what_is_no_file_keeps_its_name_too(place: Place, kind: str) -> None:
    place.stage()
    (place.output / "Anna").mkdir()
    target, photo = place.output / "Anna" / "a_1.jpg", place.root / "photo.jpg"
    photo.write_bytes(OTHER)
    if kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(photo if kind == "link to a photo" else "nowhere")
    assert place.carry_out(TWO) == {1: Reason.NAME_TAKEN}
    assert photo.read_bytes() == OTHER
    assert target.is_dir() if kind == "folder" else target.is_symlink()
    assert (place.output / "Ben" / "a_1.jpg").read_bytes() == JPEG


def test_somebody_who_is_faster_keeps_the_name(place: Place) -> None:
    """The target appears after it was found missing and before the rename."""
    place.stage()
    target = place.output / "Anna" / "a_1.jpg"

    class Racing(Place):
        def at(self, point: str) -> None:
            if point == "after_copy" and not target.exists():
                target.write_bytes(b"theirs")

    racing = Racing(place.root)
    assert racing.carry_out(TWO) == {1: Reason.NAME_TAKEN}
    assert tree(place.output) == {"Anna/a_1.jpg": b"theirs", "Ben/a_1.jpg": JPEG}


def test_somebody_who_makes_the_folder_first_is_no_trouble(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person's folder appears when we are about to make it: two workspaces have the same output."""
    place.stage()
    mkdir = Path.mkdir

    def second(folder: Path, *args: Any, **options: Any) -> None:
        mkdir(folder, exist_ok=True)  # theirs
        mkdir(folder, *args, **options)

    monkeypatch.setattr(Path, "mkdir", second)
    assert place.carry_out(TWO) == {}
    assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


def test_somebody_who_wrote_the_same_is_welcome(place: Place) -> None:
    place.stage()
    (place.output / "Anna").mkdir()
    (place.output / "Anna" / "a_1.jpg").write_bytes(JPEG)
    assert place.carry_out(TWO) == {}


# --- interruptions ----------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "after_rename"])
@pytest.mark.parametrize("staging_lost", [False, True])
def test_killed_and_taken_up_again(place: Place, point: str, staging_lost: bool) -> None:
    place.stage()
    place.kill_at = point
    with pytest.raises(Killed):
        place.carry_out(TWO)
    if staging_lost:
        place.staging.remove()
        place.rendered = JPEG
    place.kill_at = None
    assert place.carry_out(TWO) == {}
    assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


@pytest.mark.parametrize("leftover", [b"", JPEG[:100], OTHER * 3], ids=len)
@pytest.mark.parametrize("done", [False, True])
def test_a_half_copy_of_an_earlier_run_is_cleared(
    place: Place, leftover: bytes, done: bool
) -> None:
    place.stage()
    (place.output / "Anna").mkdir()
    (place.output / "Anna" / ".a_1.jpg.facesort-part").write_bytes(leftover)
    if done:
        (place.output / "Anna" / "a_1.jpg").write_bytes(JPEG)
    assert place.carry_out(TWO) == {}
    assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


@posix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("done", [False, True])
def test_what_has_the_name_of_a_half_copy_and_is_no_file_is_left_alone(
    place: Place, kind: str, done: bool
) -> None:
    """Whoever put it there: what a link leads to is a photo, or another file that must stay."""
    make_surroundings(place.root)
    place.stage()
    partial = place.output / "Anna" / ".a_1.jpg.facesort-part"
    throw(place.root, partial, kind)
    around, was = snapshot(place.root / "outside"), snapshot(partial)
    if done:
        (place.output / "Anna" / "a_1.jpg").write_bytes(JPEG)
    if done or kind in {*FILES, *HARD_LINKS}:
        assert place.carry_out(TWO) == {}
    else:
        with pytest.raises(
            OutputError, match=r"facesort-part cannot be written \(is a .*: move away what"
        ):
            place.carry_out(TWO)
        assert snapshot(partial) == was
        partial.rename(place.root / "moved away")
        assert place.carry_out(TWO) == {}
    assert snapshot(place.root / "outside") == around
    assert (place.output / "Anna" / "a_1.jpg").read_bytes() == JPEG
    assert not (place.output / "Anna" / "a_1.jpg").is_symlink()


@pytest.mark.parametrize(
    "target",
    [
        "../x.jpg", "../../x.jpg", "Anna/../../x.jpg", "Anna/../x.jpg", "/tmp/x.jpg", "//tmp/x.jpg", "x.jpg", "",
        "Anna/", "/", "..", ".", "./x.jpg", "Anna/..", "Anna/b/x.jpg", "Anna//x.jpg", "C:/x.jpg", "Anna/C:x.jpg",
        "C:\\x/y.jpg", "..\\x/y.jpg", "Anna/..\\..\\y.jpg", "Anna/x\0.jpg", "\0/x.jpg", "Anna/" + "x" * 300,
    ],
    ids=lambda target: repr(target[:20]),
)  # fmt: skip
def test_a_target_that_is_not_a_file_in_a_folder_makes_nothing(place: Place, target: str) -> None:
    """The database may have been sent by somebody."""
    place.stage()
    before = snapshot(place.root)
    assert place.carry_out([planned(1, target)]) == {1: Reason.BAD_TARGET}
    assert snapshot(place.root) == before
    assert place.carry_out([planned(1, target), TWO[1]]) == {1: Reason.BAD_TARGET}
    assert tree(place.output) == {"Ben/a_1.jpg": JPEG}, "and the others are written"


@posix
def test_a_half_copy_that_is_another_name_of_a_file_is_not_written_through(place: Place) -> None:
    place.stage()
    (place.output / "Anna").mkdir()
    (place.output / "Anna" / "mine.jpg").write_bytes(OTHER)
    os.link(place.output / "Anna" / "mine.jpg", place.output / "Anna" / ".a_1.jpg.facesort-part")
    assert place.carry_out(TWO) == {}
    assert tree(place.output) == {
        "Anna/mine.jpg": OTHER,
        "Anna/a_1.jpg": JPEG,
        "Ben/a_1.jpg": JPEG,
    }


# --- lost staging -----------------------------------------------------------------------------


def lose(place: Place) -> None:
    place.staging.remove()


def truncate(place: Place) -> None:
    [path] = place.staging.folder.iterdir()
    path.write_bytes(JPEG[:-1])


def empty(place: Place) -> None:
    [path] = place.staging.folder.iterdir()
    path.write_bytes(b"")


damages = pytest.mark.parametrize("damage", [lose, truncate, empty])


@damages
def test_a_lost_staged_copy_is_rendered_again(
    place: Place, damage: Callable[[Place], None]
) -> None:
    place.stage()
    damage(place)
    place.rendered = JPEG
    assert place.carry_out(TWO) == {}
    assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}
    assert {write.photo for write in place.asked} == {PHOTO}


@damages
@pytest.mark.parametrize("rendered", [None, b"", OTHER, JPEG[:-1]])
def test_a_copy_that_cannot_be_had_any_more_is_never_replaced_by_another(
    place: Place, damage: Callable[[Place], None], rendered: bytes | None
) -> None:
    place.stage()
    damage(place)
    place.rendered = rendered
    assert place.carry_out(TWO) == {1: Reason.RENDER_CHANGED, 2: Reason.RENDER_CHANGED}
    assert tree(place.output) == {}


def test_nothing_is_left_of_a_half_copy_that_cannot_be_finished(place: Place) -> None:
    """A run was killed while it copied, and staging and source are lost."""
    (place.output / "Anna").mkdir()
    (place.output / "Anna" / ".a_1.jpg.facesort-part").write_bytes(JPEG[:100])
    assert place.carry_out(TWO) == {1: Reason.RENDER_CHANGED, 2: Reason.RENDER_CHANGED}
    assert tree(place.output) == {}


def test_one_photo_that_cannot_be_had_stops_no_other(place: Place) -> None:
    place.stage([OTHER])
    writes = [*TWO, planned(3, "Anna/b_2.jpg", OTHER)]
    assert place.carry_out(writes) == {1: Reason.RENDER_CHANGED, 2: Reason.RENDER_CHANGED}
    assert tree(place.output) == {"Anna/b_2.jpg": OTHER}


# --- the output itself ------------------------------------------------------------------------


def test_an_output_that_is_gone_is_not_made_again(place: Place) -> None:
    place.stage()
    place.output.rmdir()
    with pytest.raises(OutputError, match="is gone: plug in the disk"):
        place.carry_out(TWO)
    assert not place.output.exists()


@posix
@pytest.mark.parametrize("where", ["outside", "source", "nowhere"])
def test_a_folder_that_leads_out_of_the_output_is_refused(place: Place, where: str) -> None:
    place.stage()
    outside = place.root / where
    if where != "nowhere":
        outside.mkdir()
    (place.output / "Anna").symlink_to(outside, target_is_directory=True)
    with pytest.raises(OutputError, match="Anna"):
        place.carry_out(TWO)
    assert not outside.exists() or list(outside.iterdir()) == []
    (place.output / "Anna").unlink()
    assert place.carry_out(TWO) == {}


@posix
def test_a_folder_that_is_a_link_within_the_output_is_the_users_wish(place: Place) -> None:
    place.stage()
    (place.output / "Ben").mkdir()
    (place.output / "Anna").symlink_to("Ben")
    assert place.carry_out(TWO) == {}
    assert {p.as_posix() for p in (place.output / "Ben").iterdir()} == {
        (place.output / "Ben" / "a_1.jpg").as_posix()
    }


@posix
def test_an_output_that_is_a_link_is_the_users_wish(place: Place) -> None:
    place.stage()
    real = place.root / "disk"
    place.output.rename(real)
    place.output.symlink_to(real, target_is_directory=True)
    assert place.carry_out(TWO) == {}
    assert tree(real) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


def test_a_file_that_has_the_name_of_a_folder_keeps_it(place: Place) -> None:
    place.stage()
    (place.output / "Anna").write_bytes(b"mine")
    assert place.carry_out(TWO) == {1: Reason.NAME_TAKEN}
    assert tree(place.output) == {"Anna": b"mine", "Ben/a_1.jpg": JPEG}


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "link that loops"])
def test_what_has_the_name_of_a_folder_and_is_none_is_not_opened(place: Place, kind: str) -> None:
    make_surroundings(place.root)
    place.stage()
    throw(place.root, place.output / "Anna", kind)
    was = snapshot(place.output / "Anna")
    with patience(20):
        assert place.carry_out(TWO) == {1: Reason.NAME_TAKEN}
    assert snapshot(place.output / "Anna") == was
    assert (place.output / "Ben" / "a_1.jpg").read_bytes() == JPEG


@posix
def test_an_output_that_must_not_be_written_is_taken_up_again() -> None:
    with unprivileged() as folder:
        place = Place(folder)
        place.stage()
        place.output.chmod(0o555)
        with pytest.raises(OutputError, match=r"Permission denied.*nothing is lost"):
            place.carry_out(TWO)
        assert tree(place.output) == {}
        place.output.chmod(0o755)
        assert place.carry_out(TWO) == {}
        assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


@needs_mount
def test_a_disk_that_turns_read_only_is_taken_up_again(place: Place) -> None:
    place.stage()
    with mounted(place.output, "size=1m"):
        place = Place(place.root)  # a job that starts with the disk in place
        place.carry_out(TWO[:1])
        remount(place.output, "ro")
        with pytest.raises(
            OutputError,
            match=r"Read-only file system.*mount its disk writable.*run the command again",
        ):
            place.carry_out(TWO)
        assert tree(place.output) == {"Anna/a_1.jpg": JPEG}
        remount(place.output, "rw")
        assert place.carry_out(TWO) == {}
        assert tree(place.output) == {"Anna/a_1.jpg": JPEG, "Ben/a_1.jpg": JPEG}


@needs_mount
@pytest.mark.parametrize("kilobytes", [4, 64, 100])
def test_a_full_disk_is_taken_up_again_when_there_is_space(place: Place, kilobytes: int) -> None:
    """A folder takes a page of 4 KiB in tmpfs, or none; a photo here takes 40."""
    jpegs = [bytes([i]) * 40_000 for i in range(4)]
    writes = [planned(i, f"Anna/{i}.jpg", jpeg) for i, jpeg in enumerate(jpegs)]
    place.stage(jpegs)
    with mounted(place.output, f"size={kilobytes}k"):
        place = Place(place.root)  # a job that starts with the disk in place
        with pytest.raises(OutputError, match=r"No space left.*free some space"):
            place.carry_out(writes)
        whole = {p: d for p, d in tree(place.output).items() if p.endswith(".jpg")}
        assert set(whole.values()) <= set(jpegs), "a file under its final name is always whole"
        with pytest.raises(OutputError, match="No space left"):
            place.carry_out(writes)
        remount(place.output, "size=1m")
        assert place.carry_out(writes) == {}
        assert tree(place.output) == {f"Anna/{i}.jpg": jpeg for i, jpeg in enumerate(jpegs)}


@needs_mount
@pytest.mark.parametrize("point", ["before_copy", "after_copy", "after_rename"])
@pytest.mark.parametrize("passing", [1, 2, 3])
def test_an_unplugged_disk_is_not_replaced_by_its_mount_point(
    place: Place, point: str, passing: int
) -> None:
    place.stage()
    writes = [*TWO, planned(3, "Anna/b_1.jpg")]
    with ExitStack() as disk:
        disk.enter_context(mounted(place.output, "size=1m"))

        class Unplugging(Place):
            def at(self, name: str) -> None:
                super().at(name)
                if name == point and self.passed.count(name) == passing:
                    disk.close()

        with pytest.raises(OutputError, match="plug in the disk"):
            Unplugging(place.root).carry_out(writes)
    assert tree(place.output) == {}, "the internal disk got a copy that nobody will look for"
    with mounted(place.output, "size=1m"):
        assert Place(place.root).carry_out(writes) == {}
        assert set(tree(place.output)) == {w.plan.target for w in writes}


# --- staging ----------------------------------------------------------------------------------


@pytest.mark.parametrize("jpegs", [[], [JPEG], [JPEG, JPEG], [JPEG, OTHER]])
def test_staging_is_by_content_and_can_be_repeated(tmp_path: Path, jpegs: list[bytes]) -> None:
    staging = Staging(tmp_path / "000001", tmp_path)
    for _ in range(2):
        staging.write(list(map(Jpeg.of, jpegs)))
        assert tree(staging.folder) == {f"{digest(jpeg)}.jpg": jpeg for jpeg in jpegs}
    staging.remove()
    assert not staging.folder.exists()
    staging.remove()


def test_staging_mends_what_a_power_cut_left(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "000001", tmp_path)
    staging.write([Jpeg.of(JPEG)])
    [path] = staging.folder.iterdir()
    path.write_bytes(b"")
    staging.write([Jpeg.of(JPEG)])
    assert path.read_bytes() == JPEG


CLIP = replace(planned(1, "Anna/c.mp4", b"a clip in parts"), is_whole_clip=True)
PARTS = (b"a clip", b" in ", b"parts")


def test_a_whole_clip_is_copied_in_parts_and_never_staged(place: Place) -> None:
    place.parts = PARTS
    assert place.carry_out([CLIP]) == {}
    assert tree(place.output) == {CLIP.plan.target: b"a clip in parts"}
    assert place.asked == []


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "after_rename"])
def test_a_killed_copy_of_a_clip_is_made_again(place: Place, point: str) -> None:
    place.parts, place.kill_at = PARTS, point
    with pytest.raises(Killed):
        place.carry_out([CLIP])
    place.kill_at = None
    assert place.carry_out([CLIP]) == {}
    assert tree(place.output) == {CLIP.plan.target: b"a clip in parts"}


def test_a_whole_clip_has_its_name_before_the_next_one_is_read(place: Place) -> None:
    """A batch of them may take an hour, of which a kill takes away one clip at most."""
    place.parts = PARTS
    other = replace(CLIP, write_id=2, plan=replace(CLIP.plan, target="Ben/c.mp4"))
    assert place.carry_out([CLIP, other]) == {}
    assert place.passed == ["before_copy", "after_copy", "after_rename"] * 2


def test_a_clip_that_has_changed_leaves_nothing_behind(place: Place) -> None:
    place.parts = (b"another clip",)
    assert place.carry_out([CLIP]) == {1: Reason.RENDER_CHANGED}
    assert tree(place.output) == {}
