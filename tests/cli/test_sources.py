"""`facesort source`: cards that move, change places, are renamed or exchanged."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic_event import add_references, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.job.output import accept_output
from facesort.engine.job.repair import repair_output
from facesort.engine.setup import open_with_pack, set_up
from facesort.errors import SourceGoneError
from facesort.settings import load_settings
from facesort.store.queries import reports
from facesort.workspace import open_workspace

ONE, TWO, OTHER = 40, 60, 80  # variations of what is drawn on each card


def fill(folder: Path, first: int, number: int = 3, name: str = "DSC") -> Path:
    for i in range(number):
        path = folder / "DCIM" / f"{name}{first + i:05d}.JPG"
        write_photo(path, [1 + i % 2], variation=first + i, shade=100 + first + i)
    return folder


@pytest.fixture(scope="module")
def sorted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cards")
    cards = [fill(root / "m" / "A", ONE), fill(root / "m" / "B", TWO)]
    workspace, pack = set_up(root / "hot", cards, root / "out", "synthetic", [])
    add_references(workspace, pack, root, {1: [30], 2: [30]})
    sort_in_threads(workspace, pack)
    return root


@pytest.fixture
def root(sorted_once: Path, tmp_path: Path) -> Path:
    """The event in a folder of its own, times kept."""
    root = tmp_path / "event"
    shutil.copytree(sorted_once, root)
    toml = root / "hot" / "facesort.toml"
    toml.write_text(toml.read_text().replace(str(sorted_once), str(root)))
    return root


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root / "hot"), "source", *words])


def sort(root: Path) -> dict[str, int]:
    """Sort, and count the files by status."""
    workspace, pack = open_with_pack(root / "hot")
    sort_in_threads(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        counts = reports.counts(store)
    return {"total": counts.total} | {s.value: n for s, n in counts.photos.items() if n}


def places(root: Path) -> dict[str, str]:
    found = load_settings(root / "hot" / "facesort.toml").sources
    return {name: path.relative_to(root).as_posix() for name, path in found.items()}


ALL = {"total": 6, "matched": 6}


def test_init_takes_several_sources(tmp_path: Path) -> None:
    words = ["init", "-w", str(tmp_path / "hot"), "--output", str(tmp_path / "out")]
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        words += ["--source", str(tmp_path / name)]
    result = CliRunner().invoke(cli, [*words, "--pack", "synthetic"])
    assert result.exit_code == 0, result.output
    assert places(tmp_path) == {"card-1": "A", "card-2": "B"}


def test_cards_that_changed_places_are_recognised(root: Path) -> None:
    (root / "m" / "A").rename(root / "m" / "x")
    (root / "m" / "B").rename(root / "m" / "A")
    (root / "m" / "x").rename(root / "m" / "B")
    assert sort(root) == ALL
    assert places(root) == {"card-1": "m/B", "card-2": "m/A"}


@pytest.mark.parametrize("new", ["m/C", "n/A"])
def test_a_card_under_another_mount_is_found(root: Path, new: str) -> None:
    (root / new).parent.mkdir(exist_ok=True)
    (root / "m" / "A").rename(root / new)
    toml = root / "hot" / "facesort.toml"
    toml.write_text(toml.read_text().replace("[sources]", "[sources]\n# the cards"))
    assert sort(root) == ALL
    assert places(root) == {"card-1": new, "card-2": "m/B"}
    assert "# the cards" in toml.read_text()


def test_a_card_that_is_far_away_is_given_with_add(root: Path) -> None:
    (root / "far" / "away" / "from").mkdir(parents=True)
    (root / "m" / "A").rename(root / "far" / "away" / "from" / "here")
    with pytest.raises(SourceGoneError, match=r"card-1 .* cannot be read .*`facesort source add"):
        sort(root)
    result = call(root, "add", str(root / "far/away/from/here"))
    assert result.output.startswith("this is card-1: its path is now")
    assert places(root) == {"card-1": "far/away/from/here", "card-2": "m/B"}
    assert sort(root) == ALL


def test_an_empty_mount_point_is_no_deletion_and_a_copy_beside_it_is_named(root: Path) -> None:
    (root / "m" / "A").rename(root / "m" / "C")
    (root / "m" / "A").mkdir()
    with pytest.raises(SourceGoneError, match=r"empty mount point.*in .*C: `facesort source add"):
        sort(root)
    assert places(root)["card-1"] == "m/A"


@pytest.mark.parametrize("card", ["A", "B"])
def test_a_bulk_rename_goes_on_by_itself(root: Path, card: str) -> None:
    for path in sorted((root / "m" / card / "DCIM").iterdir()):
        path.rename(path.with_name(f"Anna {path.stem[-2:]}.jpg"))
    assert sort(root) == ALL


@pytest.mark.parametrize("name", ["IMG_", "DSC"])
def test_another_card_at_the_same_mount_is_added_by_the_command_that_is_given(
    root: Path, name: str
) -> None:
    (root / "m" / "A").rename(root / "card-1")
    fill(root / "m" / "A", OTHER, number=4, name=name)
    with pytest.raises(
        SourceGoneError, match=r"holds none of its files .3 at the last scan"
    ) as caught:
        sort(root)
    command = shlex.split(re.search(r"`(facesort source add .*?)`", str(caught.value))[1])  # type: ignore[index]
    assert CliRunner().invoke(cli, command[1:]).exit_code == 0

    assert sort(root) == {"total": 10, "matched": 10}, "the photos of card-1 stay counted"
    assert places(root) == {"card-1": "m/A", "card-2": "m/B", "card-3": "m/A"}

    (root / "m" / "A").rename(root / "card-3")
    (root / "card-1").rename(root / "m" / "A")
    assert sort(root) == {"total": 10, "matched": 10}, "each is known when it comes back"


def test_a_card_whose_place_another_one_has_is_found_beside_it(root: Path) -> None:
    (root / "m" / "A").rename(root / "card-1")
    fill(root / "m" / "A", OTHER, number=4)
    assert call(root, "add", str(root / "m" / "A")).exit_code == 0
    assert sort(root) == {"total": 10, "matched": 10}
    (root / "card-1").rename(root / "m" / "C")
    assert sort(root) == {"total": 10, "matched": 10}
    assert places(root) == {"card-1": "m/C", "card-2": "m/B", "card-3": "m/A"}


def test_what_was_not_read_waits_until_its_card_is_back(root: Path) -> None:
    (root / "m" / "A").rename(root / "card-1")
    fill(root / "m" / "A", OTHER, number=4)
    assert call(root, "add", str(root / "m" / "A")).exit_code == 0

    def stop(point: str) -> None:
        if point == "scanned":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sort_in_threads(*open_with_pack(root / "hot"), at=stop)
    (root / "m" / "A").rename(root / "card-3")
    (root / "card-1").rename(root / "m" / "A")
    assert sort(root) == {"total": 10, "matched": 6, "pending": 4}
    (root / "m" / "A").rename(root / "card-1")
    (root / "card-3").rename(root / "m" / "A")
    assert sort(root) == {"total": 10, "matched": 10}


def test_a_card_that_is_half_overwritten_stays_the_same(root: Path) -> None:
    folder = root / "m" / "A" / "DCIM"
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    fill(root / "m" / "A", OTHER)
    assert sort(root) == {"total": 7, "matched": 7}


@pytest.mark.parametrize("left", [0, 1, 2])
def test_one_file_that_is_left_of_a_source_will_do(root: Path, left: int) -> None:
    for number, path in enumerate(sorted((root / "m" / "A" / "DCIM").iterdir())):
        if number != left:
            path.unlink()
    assert sort(root) == {"total": 4, "matched": 4}


def test_a_source_whose_photos_were_all_edited_stays_the_same(root: Path) -> None:
    for number, path in enumerate(sorted((root / "m" / "A" / "DCIM").iterdir())):
        write_photo(path, [1, 2], variation=90 + number, shade=90 + number)
    assert sort(root) == ALL


@pytest.mark.parametrize("seconds", [3600, -7200, 31])
def test_a_clock_that_was_changed_makes_no_other_card(root: Path, seconds: int) -> None:
    for path in (root / "m" / "A" / "DCIM").iterdir():
        time = path.stat().st_mtime_ns + seconds * 10**9
        os.utime(path, ns=(time, time))
    assert sort(root) == ALL


@pytest.mark.parametrize(
    ("folder", "words", "why"),
    [
        ("m/A", [], "is the source card-1 already"),
        ("m/A/DCIM", [], "lies inside the source card-1"),
        ("m", [], "lies around the source card-1"),
        ("out/x", [], "lies inside output"),
        ("hot/x", [], "lies inside workspace"),
        ("new", ["--name", "card-2"], "there is a source card-2 already"),
        ("new", ["--name", "a/b"], "Error: --name: 'a/b' cannot be the name of a source"),
        ("new", ["--name", ""], "Error: --name: the name of a source has 1 to 60 characters"),
        ("missing", [], "is not a folder"),
    ],
    ids=str,
)
def test_what_cannot_be_a_source_is_refused(
    root: Path, folder: str, words: list[str], why: str
) -> None:
    for name in ("out/x", "hot/x"):
        (root / name).mkdir()
    fill(root / "new", OTHER)
    before = (root / "hot" / "facesort.toml").read_bytes()
    result = call(root, "add", str(root / folder), *words)
    assert result.exit_code == 1
    assert why in result.output
    assert (root / "hot" / "facesort.toml").read_bytes() == before


def test_a_copy_of_a_card_that_is_there_is_one_more_source(root: Path) -> None:
    (root / "half" / "DCIM").mkdir(parents=True)
    for path in sorted((root / "m" / "B" / "DCIM").iterdir())[:2]:
        shutil.copy2(path, root / "half" / "DCIM")

    assert call(root, "add", str(root / "half")).output.startswith("card-3 is ")
    assert sort(root) == {"total": 8, "matched": 6, "duplicate": 2}
    assert places(root) == {"card-1": "m/A", "card-2": "m/B", "card-3": "half"}


def test_what_a_removed_source_left_out_is_not_listed_any_more(root: Path) -> None:
    (root / "m" / "B" / "notes.txt").write_text("x")
    sort(root)
    workspace = open_workspace(root / "hot")
    with workspace.open_store(read_only=True) as store:
        assert reports.skipped_reasons(store) == {"other": 1}
    call(root, "remove", "card-2")
    with workspace.open_store(read_only=True) as store:
        assert reports.skipped_reasons(store) == {}


def test_of_two_sources_at_one_mount_the_list_says_which_is_there(root: Path) -> None:
    (root / "m" / "B").rename(root / "card")
    fill(root / "m" / "B", OTHER)
    assert call(root, "add", str(root / "m" / "B")).exit_code == 0
    sort(root)
    lines = call(root, "list").output.splitlines()
    assert ["(not there)" in line for line in lines] == [False, True, False]

    shutil.rmtree(root / "m" / "B")
    (root / "m" / "B").mkdir()
    found = json.loads(call(root, "list", "--json").output)
    assert [of["there"] for of in found] == [True, False, False], "an empty mount point"


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_card_that_is_gone_for_good_is_removed_by_the_command_that_is_given(
    root: Path, left: str
) -> None:
    shutil.rmtree(root / "m" / "B")
    if left == "an empty folder":
        (root / "m" / "B").mkdir()
    with pytest.raises(SourceGoneError) as caught:
        sort(root)
    (given,) = re.findall(r"`facesort source (remove [^`]*)` stops counting", str(caught.value))
    assert call(root, *shlex.split(given)).exit_code == 0
    assert sort(root) == {"total": 3, "matched": 3}


def test_a_source_that_is_removed_stops_counting_and_its_copies_stay(root: Path) -> None:
    copies = sorted(path.name for path in (root / "out").rglob("*.jpg"))
    result = call(root, "remove", "card-2")
    assert "its 3 files are no longer counted" in result.output
    assert sort(root) == {"total": 3, "matched": 3}
    assert sorted(path.name for path in (root / "out").rglob("*.jpg")) == copies

    assert "is the only source" in call(root, "remove", "card-1").output
    assert "there is no source card-2" in call(root, "remove", "card-2").output

    assert call(root, "add", str(root / "m" / "B"), "--name", "card-2").exit_code == 0
    assert sort(root) == ALL


def test_the_clock_of_a_source_is_set_listed_and_taken_back(root: Path) -> None:
    assert call(root, "clock", "card-2", "+1h3m").exit_code == 0
    (one, two) = json.loads(call(root, "list", "--json").output)
    assert one == {
        "name": "card-1",
        "path": str(root / "m" / "A"),
        "there": True,
        "files": 3,
        "cameras": [],
        "clocks": {},
    }
    assert two["clocks"] == {"": 3780}
    assert call(root, "clock", "card-2", "-45s").exit_code == 0
    assert "clock -45s  every other camera" in call(root, "list").output
    assert call(root, "clock", "card-2", "0").exit_code == 0
    assert " clock " not in call(root, "list").output
    assert "is from 'Nikon'" in call(root, "clock", "card-2", "1h", "--camera", "Nikon").output
    assert "there is no source card-9" in call(root, "clock", "card-9", "1h").output
    assert "is not a clock offset" in call(root, "clock", "card-2", "later").output


def test_sources_are_not_changed_while_a_sort_is_running(root: Path) -> None:
    with open_workspace(root / "hot").sorting_lock():
        for words in (
            ["add", str(fill(root / "new", OTHER))],
            ["remove", "card-2"],
            ["clock", "card-2", "1h"],
        ):
            assert "is being sorted by process" in call(root, *words).output
    assert places(root) == {"card-1": "m/A", "card-2": "m/B"}


def test_a_copy_that_stays_missing_says_which_of_the_sources_is_not_there(root: Path) -> None:
    for copy in (root / "out").rglob("*.jpg"):
        copy.unlink()
    (root / "m" / "B").rename(root / "away")
    workspace, pack = open_with_pack(root / "hot")
    accept_output(workspace, root / "out")
    done = repair_output(workspace, pack, ThreadPoolExecutor(1))
    assert len(done.repaired) == 3
    assert list(done.failed.values()) == [f"the source {root / 'm' / 'B'} is not there"] * 3
