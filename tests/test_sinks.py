"""An event in which names, files and cameras hold nasty text, through everything that facesort writes and shows."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree, ElementTree as ET

import click
import duckdb
import nbformat
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner, Result
from IPython.core.formatters import DisplayFormatter
from nasty import NASTY, STORABLE
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import ExifTags, Image
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.cli.terminal import ExplainingGroup
from facesort.core.text.foreign_text import printable
from facesort.core.text.paths import from_text
from facesort.engine.delivery.corrections import write_corrections
from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.lab import audit, review, seed as seeding, sort as sorting
from facesort.lab.review.sheet import FaceSheet
from facesort.lab.run.page import save_page
from facesort.lab.shared.html import notice
from facesort.lab.shared.plots import chart, picture
from facesort.lab.shared.words import shorten
from facesort.lab.sort.plots import plot_person_files
from facesort.lab.sort.report import read_report
from facesort.workspace import Workspace

FORMULA = re.compile(r"""[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[ "]*[\t\r\n]""")
_ADDRESS = {"href", "src", "srcset", "action", "formaction", "data", "poster"}


def file_names() -> Iterator[bytes]:
    """What a file may be called here; many of these no file system of Windows would take."""
    for text in NASTY:
        name = re.sub("[/\0]", "_", text).encode(
            "utf-8", "surrogateescape" if "\udcff" in text else "replace"
        )
        yield name[:200].lstrip(b".") + b".jpg"  # a dot at the beginning hides it


def rename_persons(workspace: Workspace) -> None:
    """Give the four persons nasty names, and add one person for every other; as a foreign database may have them."""
    with workspace.open_store() as store, store.transaction():
        for key, name in enumerate(STORABLE, start=1):
            if key <= 4:
                store.execute("UPDATE person SET name = ? WHERE person_id = ?", [name, key])
                continue
            store.execute(
                "INSERT INTO person (person_id, name, folder, folder_key) VALUES (?, ?, ?, ?)",
                [key, name, f"f{key}", f"f{key}"],
            )
            store.execute(
                "INSERT INTO reference SELECT ?, ?, ?, * EXCLUDE (reference_id, person_id, file_name) FROM reference "
                "WHERE reference_id = ?",
                [100 + key, key, name, 1 + key % 4],
            )


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ModelPack, int]:
    """A sorted event: photos with nasty names, and a camera with each of these texts."""
    root = tmp_path_factory.mktemp("nasty")
    source = root / "source"
    source.mkdir()
    exif = Image.Exif()
    for number, (name, text) in enumerate(zip(file_names(), NASTY, strict=True)):
        write_photo(source / "plain.jpg", [1 + number % 6], shade=100 + number)
        exif[ExifTags.Base.Make] = text.encode("utf-8", "replace").decode()
        exif[ExifTags.Base.DateTime] = f"2026:01:01 {number % 24:02}:00:00"
        with Image.open(source / "plain.jpg") as image:
            image.save(source / "plain.jpg", quality=92, exif=exif)
        if number % 9 == 8:
            (source / "plain.jpg").write_bytes(b"not a photo %d" % number)
        try:
            (source / "plain.jpg").rename(os.fsdecode(os.fsencode(source) + b"/" + name))
        except OSError:  # not on this file system
            (source / "plain.jpg").rename(source / f"{number}.jpg")
    workspace, pack = make_workspace(root, source)
    run_id = sort_in_threads(workspace, pack)
    rename_persons(workspace)
    with workspace.open_store() as store:
        store.execute("UPDATE action SET summary = ? WHERE action_id = 1", [STORABLE[0]])
    return workspace, pack, run_id


Job = tuple[Workspace, ModelPack, int]


def run(job: Job, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["-w", str(job[0].root), *arguments])
    assert done.exit_code == code, done.output
    return done


def assert_harmless(printed: str) -> None:
    """Nothing but line feeds controls the terminal, and no name begins a line of its own."""
    assert [line for line in printed.split("\n") if line != printable(line)] == []
    assert not re.search(r"(?m)^\s*(999 files|2026-01-01 ERROR|--\|--)", printed)
    printed.encode("utf-8")


@pytest.mark.parametrize("command", ["status", "persons", "history", "verify"])
def test_what_a_command_prints_controls_no_terminal(job: Job, command: str) -> None:
    printed = run(job, command)
    assert_harmless(printed.stdout)
    if command in ("status", "persons"):
        assert all(printable(name) in printed.stdout for name in STORABLE)
    if command == "persons":
        assert len(printed.stdout.splitlines()) == len(STORABLE)


@pytest.mark.parametrize("command", ["status", "persons", "history", "verify"])
def test_json_loses_nothing_and_is_ascii(job: Job, command: str) -> None:
    printed = run(job, command, "--json").stdout
    assert printed.isascii()
    assert not re.search(r"[^\n\x20-\x7e]", printed)
    found = json.loads(printed)
    if command == "status":
        assert set(STORABLE) <= set(found["persons"])
    if command == "persons":
        assert [row["name"] for row in found] == sorted(
            STORABLE, key=[row["name"] for row in found].index
        )


@pytest.mark.parametrize("error", [GalleryError, click.ClickException, click.UsageError])
def test_an_error_is_one_line(error: type[Exception]) -> None:
    @click.command()
    @click.argument("text")
    def fail(text: str) -> None:
        raise error(f"there is no {text}: choose another name")

    group = ExplainingGroup("facesort", commands={"fail": fail})
    for text in NASTY:
        for arguments in (("fail", "--", text), ("--", text)):
            done = CliRunner().invoke(group, arguments)
            assert done.exit_code in (1, 2)
            assert_harmless(done.stderr)
            assert sum("Error: " in line for line in done.stderr.split("\n")) == 1


def test_an_error_about_a_person_is_one_line(job: Job) -> None:
    for command in ("deliver", "forget"):
        assert_harmless(run(job, command, "nobody\n999 files  Fake/\x1b[2J", code=1).stderr)


@pytest.mark.parametrize(
    ("encoding", "arguments", "code"),
    [
        ("cp1252", ["status"], 0),
        ("cp1252", ["verify"], 0),
        ("utf-8", ["status", "-w", "nowhere \udcff"], 1),
    ],
)
def test_a_terminal_may_have_any_encoding(
    job: Job, encoding: str, arguments: list[str], code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "facesort", *arguments],
        env=os.environ | {"PYTHONIOENCODING": encoding, "FACESORT_WORKSPACE": str(job[0].root)},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    assert_harmless(done.stdout.decode(encoding))


def cells_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def assert_no_formula(rows: list[list[str]]) -> None:
    assert len({len(row) for row in rows}) == 1
    assert [cell for row in rows for cell in row if FORMULA.match(cell)] == []


def test_no_table_of_an_export_has_a_formula_and_every_sidecar_is_xml(
    job: Job, tmp_path: Path
) -> None:
    workspace, pack, _ = job
    options = ExportOptions(xmp=True, results="csv")
    export(workspace, pack, tmp_path / "out", options, ThreadPoolExecutor(2))
    results, left = (
        cells_of(tmp_path / "out" / "_results.csv"),
        cells_of(tmp_path / "out" / "_left_out.csv"),
    )
    assert_no_formula(results)
    assert_no_formula(left)
    assert len(results) == 1 + len(NASTY)
    cameras = {row[results[0].index("camera")] for row in results}
    assert "'=cmd|' /C calc'!A0" in cameras
    names = set()
    for sidecar in (tmp_path / "out").rglob("*.xmp"):
        names |= {e.text for e in ET.parse(sidecar).iter() if e.tag.endswith("}Name")}
    assert len(names) == 4
    manifest = (tmp_path / "out" / "_SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in manifest)
    written = {
        p.relative_to(tmp_path / "out").as_posix(): p for p in (tmp_path / "out").rglob("*.*")
    }
    assert listed == {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in written.items()}


def test_parquet_holds_the_text_as_it_is(job: Job, tmp_path: Path) -> None:
    workspace, pack, _ = job
    export(
        workspace, pack, tmp_path / "out", ExportOptions(results="parquet"), ThreadPoolExecutor(2)
    )
    table = duckdb.read_parquet(str(tmp_path / "out" / "_results.parquet"))
    rows = table.project("path").fetchall()
    paths = {os.fsencode(from_text(path)) for (path,) in rows}
    assert paths == {
        os.fsencode(path.name) for path in workspace.settings.sources["card-1"].iterdir()
    }


def test_the_index_is_one_json_object_a_line_and_holds_the_text_as_it_is(
    job: Job, tmp_path: Path
) -> None:
    workspace, pack, _ = job
    export(workspace, pack, tmp_path / "out", ExportOptions(), ThreadPoolExecutor(2))

    text = (tmp_path / "out" / "index.jsonl").read_bytes().decode("ascii")
    rows = [json.loads(line) for line in text.splitlines()]  # which splits at U+2028, too
    assert {row["person"] for row in rows} == set(STORABLE[:4])
    assert "=cmd|' /C calc'!A0" in {row["camera"] for row in rows}
    assert all((tmp_path / "out" / row["file"]).is_file() for row in rows)
    table = duckdb.read_parquet(str(tmp_path / "out" / "index.parquet"))
    read = table.project("person, camera").fetchall()
    assert read == [(row["person"], row["camera"]) for row in rows]


def test_the_list_of_corrections_has_no_formula(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job[0].root, tmp_path / "hot")
    workspace = Workspace(tmp_path / "hot", job[0].settings)
    with workspace.open_store() as store:
        store.execute("UPDATE person SET deliver = false, folder = '=' || folder")
        assert write_corrections(workspace, store)
    assert_no_formula(cells_of(workspace.corrections))


def shown(job: Job) -> Iterator[tuple[str, Any]]:
    """Everything that a cell of a notebook shows."""
    workspace, pack, run_id = job
    found = audit.open_audit(workspace.root, "nowhere", contact_sheet=40)
    for name in dir(audit):
        if name.startswith("show_"):
            yield f"audit.{name}", getattr(audit, name)(found)
    report = read_report(workspace, pack, run_id, contact_sheet=40)
    yield "sort", report
    yield "open_sort", sorting.open_sort(workspace.root)
    for name in dir(sorting):
        if name.startswith("show_"):
            yield f"sort.{name}", getattr(sorting, name)(report)
    session = seeding.open_gallery(workspace.root, executor=ThreadPoolExecutor(1))
    yield "open_gallery", session
    for name in ("show_coach", "show_confusion", "show_closest_pair"):
        yield f"seed.{name}", getattr(seeding, name)(session).content()
    page = review.open_review(workspace.root)
    yield "open_review", page.table()
    yield "review.show_bursts", review.show_bursts(page)


@pytest.fixture(scope="module")
def displays(job: Job) -> dict[str, dict[str, Any]]:
    """What the notebooks send to the browser."""
    formatter = DisplayFormatter()
    return {name: formatter.format(thing) for name, thing in shown(job)}  # type: ignore[misc]


def assert_no_markup(html: str) -> None:
    """No element, attribute or address that a name could have brought along."""
    page = BeautifulSoup(html, "html.parser")
    for tag in page.find_all():
        assert tag.name not in {
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "h1",
            "a",
            "em",
            "strong",
        }, tag
        assert not [name for name in tag.attrs if name.startswith("on") or name == "x"], tag
        for name in _ADDRESS & set(tag.attrs):
            assert tag[name].startswith("data:image/"), tag


def test_a_page_has_no_tag_of_a_name(displays: dict[str, Any], tmp_path: Path) -> None:
    outputs = [new_output("display_data", data, metadata=meta) for data, meta in displays.values()]
    cells = [new_code_cell("x", outputs=[output]) for output in outputs]
    nbformat.write(new_notebook(cells=cells), tmp_path / "x.ipynb")
    page = save_page(tmp_path / "x.ipynb", faces=True).read_text(encoding="utf-8")
    assert_no_markup(page)
    body = BeautifulSoup(page, "html.parser").body
    assert body is not None
    text = body.get_text()
    assert sum(printable(name) in text for name in STORABLE) > 50
    assert not re.search(
        "[^\\n\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\uffff\\U00010000-\\U0010ffff]|[\\u202a-\\u202e\\u2066-\\u2069\\u200b]",
        text,
    )


def test_plain_text_controls_no_terminal(displays: dict[str, Any]) -> None:
    for name, (data, _) in displays.items():
        if "image/png" not in data:
            assert_harmless(data["text/plain"]), name


def test_names_are_no_formulas(displays: dict[str, Any]) -> None:
    """JupyterLab typesets the formulas in HTML, but for elements of this class."""
    for name, (data, _) in displays.items():
        page = BeautifulSoup(data.get("text/html", ""), "html.parser")
        for node in page.find_all(string=re.compile(r"\$|\\\(")):
            assert node.find_parent(class_="mathjax_ignore"), name


def test_widgets_of_the_gallery_and_of_the_review_have_no_tag_of_a_name(job: Job) -> None:
    session = seeding.open_gallery(job[0].root, executor=ThreadPoolExecutor(1))
    gallery = seeding.show_gallery(session)
    panels = [gallery, seeding.show_add(session)]
    page = review.open_review(job[0].root)
    panels += [
        getattr(review, name)(page)
        for name in dir(review)
        if name.startswith("show_") and "bursts" not in name
    ]
    values = [
        widget.value
        for panel in panels
        for widget in widgets_in(panel)
        if type(widget).__name__ == "HTML"
    ]
    assert len(values) > 50
    (person,) = (
        w
        for panel in panels
        for w in widgets_in(panel)
        if getattr(w, "description", "") == "Person" and w.value  # not that of a filter
    )
    person.value = STORABLE[1]  # the sheet shows this person's faces
    sheets = [w for panel in panels for w in widgets_in(panel) if isinstance(w, FaceSheet)]
    texts = [
        text for sheet in sheets for tile in sheet.tiles for text in texts_in(list(tile.values()))
    ]
    assert len(texts) > 50
    assert [text for text in texts if text != printable(text)] == []
    for value in [*values, *map(notice, NASTY)]:
        assert_no_markup(value)


def texts_in(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for each in part:
            yield from texts_in(each)


def widgets_in(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)


def test_names_are_drawn_as_they_are() -> None:
    """What matplotlib takes for a formula it draws otherwise, or ends with an error."""
    figure = chart(lambda ax: plot_person_files(ax, dict.fromkeys(NASTY, 1)), height=9)
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == [shorten(name, 32) for name in NASTY]
    assert not [label for label in labels if label.get_parse_math()]
    svg = picture(figure, "").svg
    assert "<!--" not in svg, "matplotlib repeats every text in a comment"
    assert {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()} <= {
        *("svg", "style", "metadata", "RDF", "Work", "type", "format", "creator", "Agent", "title"),
        *("defs", "g", "path", "use", "clipPath", "rect"),
    }
