"""The index of a delivery: what is in a row, what is in none, and that other programs read it."""

from __future__ import annotations

import io
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.core.derivatives import DerivedFile, Variant
from facesort.engine.delivery import index
from facesort.engine.delivery.export import export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.delivery.index import SCHEMA_VERSION, DeliveredFile, index_files, index_rows
from facesort.engine.delivery.plan import plan_delivery
from facesort.engine.gallery.persons import move_folder, remove_person, set_delivery
from facesort.engine.review.answers import answer_faces
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.images import decode_jpeg
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]
SCHEMA = json.loads(
    files("facesort.engine.delivery").joinpath("index.schema.json").read_text(encoding="utf-8")
)


def write_turned(path: Path) -> None:
    """Person 3 at (100, 60) of 480 x 320 px, in a file that lies on its side and does not say so."""
    pixels = np.full((320, 480, 3), 190, np.uint8)
    draw_synthetic_face(pixels, (100, 60, 196, 156), 3, variation=10)
    Image.fromarray(np.rot90(pixels)).save(path, quality=95)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two people and a stranger in one photo, a turned photo, a rejected match, a confirmed one."""
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "source" / "group.jpg", [1, 77, 2, 4], variation=40)
    write_photo(root / "source" / "wrong.jpg", [2], variation=40)
    write_photo(root / "source" / "right.jpg", [2], variation=45)
    write_photo(root / "source" / "stranger.jpg", [500])
    write_turned(root / "source" / "turned.jpg")
    workspace, pack = make_workspace(root, root / "source")
    photos = workspace.settings.photos.model_copy(update={"auto_upright": True})
    workspace = Workspace(workspace.root, workspace.settings.model_copy(update={"photos": photos}))
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        faces = dict(store.rows("SELECT path, face_id FROM face JOIN photo_state USING (photo_id)"))
        store.execute(
            "UPDATE photo SET latitude = 52.5, longitude = 13.25, utc_offset = 120, camera = 'Sony \"7\"', "
            "captured_at = TIMESTAMP '2026-05-04 12:00:00.25'"
        )
    answer_faces(workspace, {faces["wrong.jpg"]: "Person 2"}, "no")
    answer_faces(workspace, {faces["right.jpg"]: "Person 2"}, "yes")
    remove_person(workspace, "Person 4")
    return workspace, pack


def delivered(job: Job, folder: Path, **options: Any) -> list[dict[str, Any]]:
    export(*job, folder, ExportOptions(**options), ThreadPoolExecutor(2))
    return read_rows(folder / "index.jsonl")


def read_rows(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        Draft202012Validator(SCHEMA).validate(row)
    return rows


def row_of(rows: list[dict[str, Any]], person: str, stem: str) -> dict[str, Any]:
    (row,) = (r for r in rows if r["file"].startswith(f"{person}/{stem}_"))
    return row


def test_the_schema_is_one_and_knows_the_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == SCHEMA_VERSION
    assert SCHEMA["$id"].endswith(f":{SCHEMA_VERSION}")
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"])


def test_a_row_for_each_photo_and_person(job: Job, tmp_path: Path) -> None:
    rows = delivered(job, tmp_path / "out")

    found = [(row["person"], row["file"].partition("/")[2].partition("_")[0]) for row in rows]
    assert found == [
        ("Person 1", "group"), ("Person 2", "group"), ("Person 2", "right"), ("Person 3", "turned"),
    ]  # fmt: skip
    hashes = tree(tmp_path / "out")
    for row in rows:
        copy = tmp_path / "out" / row["file"]
        assert (row["sha256"], row["size"]) == (hashes[row["file"]], copy.stat().st_size)
        with Image.open(copy) as image:
            assert image.size == (row["width"], row["height"])
        assert row["location"] is None
    source = tree(job[0].settings.sources["card-1"])
    row = row_of(rows, "Person 2", "group")
    assert row["photo_sha256"] == source["group.jpg"]
    assert (row["captured_at"], row["utc_offset"]) == ("2026-05-04T12:00:00.250000", 120)
    assert row["camera"] == 'Sony "7"'
    assert row_of(rows, "Person 2", "right")["match"] == "confirmed"


def test_faces_are_those_of_people_who_get_the_photo(job: Job, tmp_path: Path) -> None:
    row = row_of(delivered(job, tmp_path / "out"), "Person 2", "group")

    # Drawn at 20, 140 (a stranger), 260 and 380 px (removed) of 640, 60 px of 240, 96 px wide.
    assert [face["person"] for face in row["faces"]] == ["Person 1", "Person 2"]
    assert row["face"] == {k: v for k, v in row["faces"][1].items() if k != "person"}
    expected = [260 / 640, 60 / 240, 96 / 640, 96 / 240]
    assert list(row["face"].values()) == pytest.approx(expected, abs=0.01)
    text = (tmp_path / "out" / "index.jsonl").read_text(encoding="utf-8")
    assert "Person 4" not in text
    assert "embedding" not in text


def test_regions_hang_as_the_copy_does(job: Job, tmp_path: Path) -> None:
    row = row_of(delivered(job, tmp_path / "out", xmp=True), "Person 3", "turned")

    assert (row["width"], row["height"]) == (row["photo_width"], row["photo_height"]) == (480, 320)
    face = row["face"]
    expected = [100 / 480, 60 / 320, 96 / 480, 96 / 320]
    assert list(face.values()) == pytest.approx(expected, abs=0.01)
    pixels = decode_jpeg((tmp_path / "out" / row["file"]).read_bytes())
    left, top = round(face["left"] * 480), round(face["top"] * 320)
    assert abs(pixels[top + 7, left + 30].astype(int) - (255, 0, 255)).max() < 40
    sidecar = (tmp_path / "out" / row["file"]).with_suffix(".xmp").read_text(encoding="utf-8")
    found = re.search("<MPReg:Rectangle>(.*)</MPReg:Rectangle>", sidecar)
    assert found is not None
    assert [float(share) for share in found[1].split(",")] == pytest.approx(
        list(face.values()), abs=1e-5
    )


def test_where_photos_were_taken_only_if_asked(job: Job, tmp_path: Path) -> None:
    rows = delivered(job, tmp_path / "out", with_location=True)

    assert {json.dumps(row["location"]) for row in rows} == {
        '{"latitude": 52.5, "longitude": 13.25, "altitude": null}'
    }


def test_the_table_has_the_same_rows_and_every_export_the_same_bytes(
    job: Job, tmp_path: Path
) -> None:
    rows = delivered(job, tmp_path / "out", with_location=True)
    delivered(job, tmp_path / "again", with_location=True)

    with duckdb.connect() as anybody:
        parquet = anybody.read_parquet(str(tmp_path / "out" / "index.parquet"))
        read = anybody.sql("SELECT to_json(r)::VARCHAR FROM parquet r").fetchall()
        assert set(parquet.columns) == set(SCHEMA["properties"])

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        times = {k: str(row[k]).replace("T", " ").rstrip("0") for k in ("captured_at", "taken_at")}
        return row | times

    assert [plain(json.loads(text)) for (text,) in read] == [plain(row) for row in rows]
    for name in ("index.parquet", "index.jsonl"):
        assert tree(tmp_path / "out")[name] == tree(tmp_path / "again")[name]
        assert name in (tmp_path / "out" / "_SHA256SUMS").read_text(encoding="utf-8")


def test_versions_of_a_file_and_keys_of_a_store(job: Job, tmp_path: Path) -> None:
    """As they are published: under other names than those of the output."""
    small = DerivedFile(Variant("webp", 256, 85), 256, 96, 1234, "b" * 64)
    large = DerivedFile(Variant("jpeg", 512, 90), 512, 192, 9876, "c" * 64)
    with job[0].open_store(read_only=True) as store:
        delivery = plan_delivery(store, job[0].settings)
        key = next(k for k, p in delivery.photos.items() if p.photo.path == "group.jpg")
        files = [
            DeliveredFile(key, folder, f"photos/{n}.jpg", "a" * 64, 99, 640, 240)
            for n, folder in enumerate(("Person 2", "Person 1", "_unknown"))
        ]
        wrong = next(k for k, p in delivery.photos.items() if p.photo.path == "wrong.jpg")
        files += [
            DeliveredFile(key, "Person 4", "old/4.jpg", "a" * 64, 99, 640, 240),
            DeliveredFile(wrong, "Person 2", "old/2.jpg", "a" * 64, 99, 640, 240),
        ]
        versions = {"a" * 64: [("small/b.webp", small), ("small/c.jpg", large)]}
        rows = index_rows(
            store, delivery, files, smaller=lambda file: versions.get(file.sha256, ())
        )
        written = index_files(store, rows, tmp_path / "scratch.parquet")
    (tmp_path / "index.jsonl").write_bytes(written["index.jsonl"])

    assert not (tmp_path / "scratch.parquet").exists()
    found = read_rows(tmp_path / "index.jsonl")
    assert [(row["person"], row["file"]) for row in found] == [
        ("Person 1", "photos/1.jpg"),
        ("Person 2", "photos/0.jpg"),
    ]
    assert found[0]["derivatives"] == [
        {"file": "small/c.jpg", "format": "jpeg", "width": 512, "height": 192, "size": 9876, "sha256": "c" * 64},
        {"file": "small/b.webp", "format": "webp", "width": 256, "height": 96, "size": 1234, "sha256": "b" * 64}
    ]  # fmt: skip


def test_the_index_of_a_large_event_needs_no_more_memory_than_the_store_may_take(
    job: Job, tmp_path: Path
) -> None:
    """Not all rows at once; in a folder whose name means something to DuckDB."""
    row = delivered(job, tmp_path / "out", with_location=True)[0]
    small = {"file": "c.webp", "format": "webp", "width": 256, "height": 96, "size": 9, "sha256": "c" * 64}  # fmt: skip
    row |= {"faces": row["faces"] * 2, "derivatives": [small] * 6}
    scratch = tmp_path / "[a] * 'b' c?" / "event=1" / "index.parquet"
    scratch.parent.mkdir(parents=True)

    with job[0].open_store(read_only=True) as store:
        rows = (row | {"size": n} for n in range(50_000))
        written = index_files(store, rows, scratch)

    assert list(scratch.parent.iterdir()) == []
    assert json.loads(written["index.jsonl"].splitlines()[-1]) == row | {"size": 49_999}
    table = pd.read_parquet(io.BytesIO(written["index.parquet"]))
    assert set(table.columns) == set(SCHEMA["properties"])
    assert list(table["size"]) == list(range(50_000))
    assert {len(versions) for versions in table["derivatives"]} == {6}


def test_what_a_killed_export_left_of_its_index_is_gone_after_the_next(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = delivered(job, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(index, "write_index", Mock(side_effect=KeyboardInterrupt))
        patch.setattr(index, "remove_own", Mock())
        with pytest.raises(KeyboardInterrupt):
            delivered(job, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").glob(".index*")] == [
        ".index.facesort-part.jsonl"
    ]

    assert delivered(job, tmp_path / "out") == whole
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_folder_that_is_called_like_the_index(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job[0].root, tmp_path / "hot")
    workspace = Workspace(tmp_path / "hot", job[0].settings)
    move_folder(workspace, "Person 1", "Index.Parquet")
    set_delivery(workspace, "Person 3", False)

    export(workspace, job[1], tmp_path / "out", ExportOptions(), ThreadPoolExecutor(2))

    rows = read_rows(tmp_path / "out" / "index.jsonl")
    assert {row["folder"] for row in rows} == {"Index.Parquet", "Person 2"}
    assert (tmp_path / "out" / "_index.parquet").is_file()
    assert all((tmp_path / "out" / row["file"]).is_file() for row in rows)


def test_an_export_of_nothing_has_an_index(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job[0].root, tmp_path / "hot")
    workspace = Workspace(tmp_path / "hot", job[0].settings)
    for person in ("Person 1", "Person 2", "Person 3"):
        remove_person(workspace, person)

    export(workspace, job[1], tmp_path / "out", ExportOptions(), ThreadPoolExecutor(2))

    assert (tmp_path / "out" / "index.jsonl").read_bytes() == b""
    assert len(duckdb.read_parquet(str(tmp_path / "out" / "index.parquet"))) == 0


def test_the_lines_of_the_documentation_load_it(
    job: Job, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = delivered(job, tmp_path / "delivery")
    text = (checkout / "docs" / "reference" / "delivery-index.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()) as printed:
        names: dict[str, Any] = {}
        for code in re.findall("```python\n(.*?)```", text, re.DOTALL):
            exec(code.replace("Ada Demo", "Person 2"), names)  # noqa: S102

    assert f"{len([row for row in rows if row['person'] == 'Person 2'])} rows" in printed.getvalue()
    assert list(names["photos"]["file"]) == [row["file"] for row in rows]
    other = names["pd"].read_json("delivery/index.jsonl", lines=True)
    assert list(other["sha256"]) == list(names["photos"]["sha256"])


def test_every_column_is_explained(checkout: Path) -> None:
    text = (checkout / "docs" / "reference" / "delivery-index.md").read_text(encoding="utf-8")
    table = text.partition("## A row")[2].partition("\n\nEvery column")[0]
    heads = [line.split("|")[1] for line in table.splitlines()[4:]]
    assert {name for head in heads for name in re.findall("`(.+?)`", head)} == set(
        SCHEMA["properties"]
    )
