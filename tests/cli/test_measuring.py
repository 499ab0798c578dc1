"""`facesort packs measure`: what it prints, stores and recommends from then on, and for which pack only."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic_event import write_photo

from facesort.cli import cli
from facesort.cli.measuring import _moved
from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.calibration.measure import measure_speed
from facesort.errors import ResourceError
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.packs.find import resolve_pack
from facesort.faces.packs.measured import measurement_path, read_measurement
from facesort.settings import PhotoSettings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: what is measured here is nobody's."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    return tmp_path / "home"


def measure(*arguments: str | Path) -> Result:
    words = ["packs", "measure", "synthetic", "--workers", "1", *arguments]
    return CliRunner().invoke(cli, [str(word) for word in words])


def labelled(folder: Path, people: int = 100) -> Path:
    for identity in range(people):
        for variation in (40, 90):
            path = folder / f"Person {identity}" / f"{variation}.png"
            write_photo(path, [identity], variation=variation + identity)
    return folder


@dataclass(frozen=True)
class Measured:
    """What was said, and the home in which it was stored, which nobody changes."""

    done: Result
    home: Path

    def stored_in(self, home: Path) -> Path:
        """Copy it into the home of a test; returns the measurement's path."""
        shutil.copytree(self.home, home)
        return measurement_path(synthetic_pack().pack_id)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Photos of 100 people, and two that are none: measured once, as it takes seconds."""
    root = tmp_path_factory.mktemp("measured")
    photos = labelled(root / "photos")
    for number in (1, 2):
        (photos / "Person 1" / f"broken {number}.jpg").write_bytes(b"no photo %d" % number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "home", lambda: root / "home")
        return Measured(measure("--labelled", photos), root / "home")


def test_labelled_photos_give_thresholds_that_are_recommended_from_then_on(
    measured: Measured, home: Path
) -> None:
    before = resolve_pack("synthetic", [])
    done = measured.done
    assert done.exit_code == 0, done.output

    path = measured.stored_in(home)

    after = resolve_pack("synthetic", [])
    stored = read_measurement(after.pack_id)
    assert stored is not None
    assert (after.strict, after.loose) == (stored.strict, stored.loose)
    assert (after.strict, after.loose) != (before.strict, before.loose)
    assert after.pack_id == before.pack_id
    assert after.measured_on == "200 labelled photos of 100 people"
    assert stored.fnir is not None
    assert stored.photos_per_cpu_second > 0
    assert stored.peak_mb > 10
    assert f"STRICT {after.strict:.2f}, LOOSE {after.loose:.2f} (95 %: " in done.stdout
    assert stored.counted is not None
    assert stored.gallery == 100
    assert "as counted in galleries of 100 people" in done.stdout
    changed = (
        f"STRICT 0.80 -> {after.strict:.2f}, LOOSE 1.00 -> {after.loose:.2f} from the next sort on, in every workspace "
        "with synthetic,\nthose that are there too, unless its facesort.toml sets strict and loose; delete that file"
    )
    place = measured.home / path.relative_to(home)
    assert f"stored in {place}\n{changed}" in done.stdout
    assert "2 photos not used: not_an_image" in done.stderr
    assert "known faces missed at LOOSE, one reference each of 100 people" in done.stdout
    listed = CliRunner().invoke(cli, ["packs", "list"]).stdout
    row = next(line for line in listed.splitlines() if line.startswith("synthetic"))
    assert row.split()[-3:] == [f"{after.strict:.2f}", f"{after.loose:.2f}", "measured"]
    assert "Thresholds measured on 200 labelled photos of 100 people." in listed
    assert "photos per CPU second" in listed


def test_a_second_measurement_says_that_nothing_moved(measured: Measured, home: Path) -> None:
    measured.stored_in(home)
    told = read_measurement(synthetic_pack().pack_id)
    assert told is not None
    again = resolve_pack("synthetic", [])
    assert _moved(again, told) == f"STRICT {told.strict:.2f}, LOOSE {told.loose:.2f} as before"
    assert " -> " in _moved(synthetic_pack(), told)


def test_photos_with_several_faces_do_without_labels(tmp_path: Path) -> None:
    for number in range(180):
        people = [450 + 5 * number + i for i in range(5)]
        write_photo(tmp_path / "photos" / f"{number}.png", people, variation=37 * number % 120)

    done = measure("--photos", tmp_path / "photos")

    assert done.exit_code == 0, done.output
    assert "measured on 1,800 pairs of faces in 180 photos" in done.stdout
    assert "FNIR  not known" in done.stdout
    stored = read_measurement(synthetic_pack().pack_id)
    assert stored is not None
    assert stored.fnir is None


def test_a_measurement_of_another_pack_is_not_taken(measured: Measured, home: Path) -> None:
    path, other = measured.stored_in(home), "0" * 64
    assert read_measurement(synthetic_pack().pack_id) is not None
    path.rename(measurement_path(other))

    assert read_measurement(other) is None
    assert resolve_pack("synthetic", []) == synthetic_pack()


@pytest.mark.parametrize(
    "text", ["", "loose = 1.0", 'loose = "x', "a = " + "[" * 9000, "x" * 40_000]
)
def test_what_is_no_measurement_is_not_used(text: str) -> None:
    path = measurement_path(synthetic_pack().pack_id)
    path.parent.mkdir(parents=True)
    path.write_text(text)

    assert resolve_pack("synthetic", []) == synthetic_pack()


def test_too_few_people_to_be_sure_store_nothing(tmp_path: Path) -> None:
    done = measure("--labelled", labelled(tmp_path / "photos", people=26))

    assert done.exit_code == 1
    assert "26 people are too few to be sure of LOOSE" in done.stderr
    assert not measurement_path(synthetic_pack().pack_id).exists()


def test_a_measurement_of_zero_is_none(measured: Measured, home: Path) -> None:
    path = measured.stored_in(home)
    assert resolve_pack("synthetic", []) != synthetic_pack()
    path.write_text(re.sub(r"(?m)^strict = .*", "strict = 0.0", path.read_text()))

    assert resolve_pack("synthetic", []) == synthetic_pack()


def test_too_few_people_store_nothing(tmp_path: Path) -> None:
    done = measure("--labelled", labelled(tmp_path / "photos", people=5))

    assert done.exit_code == 1
    assert "are too few to find thresholds" in done.stderr
    assert not measurement_path(synthetic_pack().pack_id).exists()


def test_one_kind_of_photos_is_asked_for(tmp_path: Path) -> None:
    assert measure().exit_code == 2
    assert measure("--labelled", tmp_path, "--photos", tmp_path).exit_code == 2


def test_speed_is_measured_without_the_photo_that_killed_a_worker() -> None:
    class Pool:
        tries = 0

        def submit(self, _: object, __: object, tasks: list[Task]) -> Future[int]:
            self.tries += 1
            future = Future[int]()
            if any(task.ref.photo_id == 3 for task in tasks):
                future.set_exception(WorkerLost(-9))
            else:
                future.set_result(len(tasks))
            return future

    pool, analyser = Pool(), Analyser({}, synthetic_pack(), PhotoSettings())
    files = [PhotoRef(number, f"{number}.png") for number in range(8)]

    assert measure_speed(analyser, files, pool) == 4  # type: ignore[arg-type,comparison-overlap]
    assert pool.tries == 2
    with pytest.raises(ResourceError, match="died or hung three times"):
        measure_speed(analyser, [files[3]] * 4, pool)  # type: ignore[arg-type]
