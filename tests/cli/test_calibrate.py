"""`facesort calibrate`: what it prints, what it stores, and that it stores nothing where it cannot say anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result
from synthetic_event import make_gallery, tree, write_photo

from facesort.cli import cli
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.settings import load_settings
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference


def run(folder: Path, *arguments: str | Path) -> Result:
    command = ["calibrate", "-w", folder / "hot", "--runs", folder / "runs", *arguments]
    return CliRunner().invoke(cli, [str(part) for part in command])


def label(folder: Path, people_of: dict[str, int | None]) -> Path:
    """A labelled folder with one photo of each; of nobody for None."""
    root = folder / "labelled"
    root.mkdir()
    for name, identity in people_of.items():
        people = [] if identity is None else [identity]
        write_photo(root / name / "photo.png", people, variation=90, shade=120)
    return root


def test_a_calibration_is_printed_saved_and_applied(tmp_path: Path) -> None:
    make_gallery(tmp_path, {identity: [30, 60] for identity in (1, 2, 3)})
    write_photo(tmp_path / "source" / "a.jpg", [1, 9], variation=90)
    labelled = label(tmp_path, {"Person 1": 1, **{f"Guest {i}": i for i in range(20, 24)}})
    write_photo(labelled / "loose.png", [1])
    write_photo(labelled / "@eaDir" / "photo.png", [1], variation=50)

    done = run(tmp_path, "--labelled", labelled, "--apply", "-p", "fpir", "0.2")

    assert done.exit_code == 0, done.output
    assert (
        "6 references of 3 persons; 1 labelled face of 1 of them; 4 faces of 4 strangers"
        in done.stdout
    )
    assert "at most 20 % of strangers' faces, by 7 people" in done.stdout
    assert "FPIR  " in done.stdout
    assert "5/5" in done.stderr, "the bar of the labelled photos"
    assert "1/1" in done.stderr, "and that of the sample"
    assert "drop  0 % of 1 photos expected" in done.stdout
    left_out = [line for line in done.stderr.splitlines() if line.startswith("left out")]
    assert [line.partition(": ")[0] for line in left_out] == [
        "left out 1 photo ('loose.png')",
        "left out 1 file or folder ('@eaDir')",
    ]
    (folder,) = (tmp_path / "runs").iterdir()
    found = json.loads((folder / "calibration.json").read_text())
    assert (folder / "02_calibrate.ipynb").is_file()
    assert (folder / "summary.json").is_file()
    assert "In the labelled folder: left out 1 photo" in (folder / "02_calibrate.ipynb").read_text()
    used = load_settings(tmp_path / "hot" / "facesort.toml")
    assert used.calibration is not None
    assert used.calibration.id == found["calibration_id"]
    assert (
        used.matching.loose == found["chosen"]["loose"] == found["suggestion"]["loose"]["threshold"]
    )
    assert f"applied: STRICT 0.80, LOOSE {used.matching.loose}" in done.stdout
    assert "This LOOSE replaces the one that a sort finds from the event's own faces" in done.stdout


def test_a_calibration_says_what_an_event_left_to_itself_drops(tmp_path: Path) -> None:
    make_gallery(tmp_path, {1: [30], 2: [60]})
    for name in ("a", "b"):
        write_photo(tmp_path / "source" / f"{name}.jpg", [1, 9], variation=ord(name))

    part, whole = run(tmp_path, "-p", "sample", "1").stdout, run(tmp_path).stdout

    few = "left to the event (1.00, the pack's: the sample has too few faces)"
    assert f"{few}, fewer in all 2 photos: groups" in part
    assert f"{few} (`matching.groups`)" in whole
    assert "This LOOSE replaces" not in whole, "nothing was stored"


def copies(folder: Path) -> None:
    """Two persons, each with one picture twice: seeding refuses that, but older workspaces may hold it."""
    workspace, pack = make_gallery(folder, {1: [30], 2: [60]})
    with workspace.open_store() as store, store.transaction():
        for person_id, variation in ((1, 30), (2, 60)):
            vector = synthetic_embedding(person_id, variation)
            copy = NewReference("c.png", f"{person_id}", 100.0, 0.1, 0.9, pack.pack_id, vector, b"")
            people.add_reference(store, person_id, copy)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: make_gallery(folder, {1: [30], 2: [30]}), "0 persons can be compared"),
        (copies, "copies of one picture do not count"),
        (lambda folder: make_gallery(folder, {1: [30, 60], 2: [30]}), "1 person can be compared"),
    ],
)
def test_one_reference_each_is_calibrated_by_strangers_alone(
    tmp_path: Path, make: Callable[[Path], object], sentence: str
) -> None:
    make(tmp_path)
    write_photo(tmp_path / "source" / "a.jpg", [1, 9], variation=90)

    done = run(tmp_path, "--apply")

    assert done.exit_code == 0, done.output
    assert "FPIR  0 %" in done.stdout
    assert "FNIR" not in done.stdout.replace("(FNIR, FNMR) is not known", "")
    assert sentence in done.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    found = json.loads((folder / "calibration.json").read_text())
    assert (found["chosen"]["rates"]["fnir"], found["suggested"]["fnmr"]) == (None, None)
    notebook = nbformat.read(folder / "02_calibrate.ipynb", 4)
    shown = [o for c in notebook.cells for o in c.get("outputs", ())]
    assert [o for o in shown if o.output_type == "error"] == []
    assert "not known" in str(shown)


def gallery(references: dict[int, list[int]]) -> Callable[[Path], object]:
    return lambda folder: make_gallery(folder, references)


@pytest.mark.parametrize(
    ("make", "labelled", "sentence"),
    [
        (gallery({}), None, "nobody is in the gallery: add someone first"),
        (gallery({1: [30, 60, 90]}), None, "the gallery has one person"),
        (gallery({1: [30, 60], 2: [30, 60]}), {}, "no sub-folder with photos"),
        (gallery({1: [30, 60], 2: [30, 60]}), {"Guest": 9}, "photos of 1 person, but at least"),
        (gallery({1: [30, 60], 2: [30, 60]}), {"Guest": 9, "Sea": None}, "1 person (not used: 1 no_face)"),
        (gallery({1: [30, 60], 2: [30, 60]}), {"Guest": 9, "Sea/1": 8}, "left out 1 photo ('Sea/1/photo.png'): nested"),
    ],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_a_sentence_and_nothing_is_stored(
    tmp_path: Path,
    make: Callable[[Path], object],
    labelled: dict[str, int | None] | None,
    sentence: str,
) -> None:
    make(tmp_path)
    options = [] if labelled is None else ["--labelled", label(tmp_path, labelled)]
    before = tree(tmp_path)

    done = run(tmp_path, "--apply", *options)

    assert done.exit_code == 1, done.output
    assert sentence in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.output
    assert tree(tmp_path) == before, "no run, no settings, no row"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-p", "apply", "true"], 2, "apply is given with --apply"),
        (["-p", "fpri", "0.1"], 1, "Did you mean 'fpir'?"),
        (["--labelled", "nowhere"], 1, "is not a folder"),
    ],
)
def test_wrong_use_gets_a_sentence(
    tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    make_gallery(tmp_path, {1: [30, 60], 2: [30, 60]})
    done = run(tmp_path, *arguments)
    assert (done.exit_code, sentence in done.stderr) == (code, True), done.output
    assert not (tmp_path / "runs").exists()


def test_a_folder_is_not_the_workspace(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "is not a workspace" in done.stderr
