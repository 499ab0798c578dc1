from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from faces.test_description import described
from faces.tiny_packs import write_model, write_pack
from foreign_things import patience
from onnx import TensorProto, ValueInfoProto, helper

from facesort.errors import PackError
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.find import find_packs, pack_roots, resolve_pack
from facesort.faces.packs.onnx_graph import read_graph
from facesort.faces.protocol import FaceEngine


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ["ws/packs", "home/.insightface/models"]),
        ({"FACESORT_PACKS": ""}, ["ws/packs", "home/.insightface/models"]),
        (
            {"FACESORT_PACKS": f"a{os.pathsep}b"},
            ["ws/packs", "a", "b", "home/.insightface/models"],
        ),
    ],
)
def test_roots_in_order(env: dict[str, str], expected: list[str]) -> None:
    assert pack_roots(Path("ws"), env, Path("home")) == [Path(part) for part in expected]


def test_no_workspace_no_workspace_packs() -> None:
    assert pack_roots(None, {}, Path("home")) == [Path("home/.insightface/models")]


@pytest.mark.parametrize("exists", [False, True])
def test_without_folders_there_are_the_built_in_packs(tmp_path: Path, exists: bool) -> None:
    root = tmp_path if exists else tmp_path / "missing"
    assert [pack.name for pack in find_packs([root])] == ["dlib", "synthetic"]


def test_packs_are_found_in_the_order_of_the_roots(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_pack(first / "zebra", tag="one")
    write_pack(second / "ape")
    write_pack(second / "zebra", tag="two")  # hidden by the first
    write_model(second / "half" / "det.onnx", 9)  # no recogniser
    (second / "broken").mkdir()
    (second / "broken" / "det.onnx").write_bytes(b"not a model")
    (second / "notes.txt").write_text("no folder")
    packs = find_packs([first, second])
    assert [pack.name for pack in packs] == ["zebra", "ape", "dlib", "synthetic"]
    assert packs[0].path == first / "zebra"


def test_only_detector_and_recogniser_belong_to_a_pack(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    pack = resolve_pack("tiny", [tmp_path])
    assert [name for name, _ in pack.files] == ["det_tiny.onnx", "w_tiny.onnx"]
    assert (pack.kind, pack.strict, pack.loose, pack.calibrated) == ("insightface", 0.8, 1.0, False)


def test_a_pack_may_lie_in_a_folder_of_its_own_name(tmp_path: Path) -> None:
    write_pack(tmp_path / "antelopev2" / "antelopev2")
    assert resolve_pack("antelopev2", [tmp_path]).path == tmp_path / "antelopev2" / "antelopev2"


def test_identity_follows_the_used_files_and_nothing_else(tmp_path: Path) -> None:
    write_pack(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "w_tiny.onnx").rename(tmp_path / "b" / "renamed.onnx")
    (tmp_path / "b" / "genderage.onnx").unlink()
    write_pack(tmp_path / "c", tag="other weights")
    a, b, c = (resolve_pack(name, [tmp_path]) for name in "abc")
    assert a.pack_id == b.pack_id != c.pack_id
    assert len({pack.pack_id for pack in find_packs([])}) == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "dlib"),
        (["zebra", "ape"], "ape"),
        (["ape", "buffalo_l", "zebra"], "buffalo_l"),
    ],
)
def test_the_default_pack(tmp_path: Path, names: list[str], expected: str) -> None:
    for name in names:
        write_pack(tmp_path / name)
    assert resolve_pack(None, [tmp_path]).name == expected


def test_a_pack_with_a_description_is_the_default_only_without_an_insightface_pack(
    tmp_path: Path,
) -> None:
    write_pack(tmp_path / "buffalo_s")
    described(tmp_path / "auraface")
    described(tmp_path / "buffalo_l")
    assert resolve_pack(None, [tmp_path]).name == "buffalo_s"
    shutil.rmtree(tmp_path / "buffalo_s")
    assert resolve_pack(None, [tmp_path]).kind == "described"


def test_the_default_skips_folders_that_are_no_packs(tmp_path: Path) -> None:
    write_model(tmp_path / "a" / "det.onnx", 9)
    write_pack(tmp_path / "b")
    assert resolve_pack(None, [tmp_path]).name == "b"


def test_a_folder_can_be_given_as_a_path(tmp_path: Path) -> None:
    write_pack(tmp_path / "anywhere" / "mine")
    assert resolve_pack(str(tmp_path / "anywhere" / "mine"), []).name == "mine"


def test_an_unknown_name_lists_the_available_packs(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    with pytest.raises(PackError, match=r"'bufalo_l' here; found: tiny, dlib, synthetic") as caught:
        resolve_pack("bufalo_l", [tmp_path])
    assert "facesort packs fetch buffalo_l" in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "lacks"),
    [
        ([], "detector and recogniser"),
        ([9], "recogniser"),
        ([1], "detector"),
        ([6], "detector and"),
    ],
)
def test_a_folder_without_both_models_is_refused(
    tmp_path: Path, outputs: list[int], lacks: str
) -> None:
    folder = tmp_path / "half"
    write_model(folder / "other.onnx", 1, side=96)
    for number in outputs:
        write_model(folder / f"{number}.onnx", number, side=112 if number == 1 else "side")
    with pytest.raises(PackError, match=rf"half has no {lacks}"):
        resolve_pack(str(folder), [])


@pytest.mark.parametrize(
    "change", [lambda data: b"", lambda data: data[:60], lambda data: b"\xff" * 99]
)
def test_the_error_names_a_damaged_model(tmp_path: Path, change: object) -> None:
    write_pack(tmp_path / "tiny")
    path = tmp_path / "tiny" / "w_tiny.onnx"
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(PackError, match=r"w_tiny\.onnx is not a readable ONNX file"):
        resolve_pack("tiny", [tmp_path])


def test_a_graph_is_read_past_its_weights(tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx", 15, side=112)
    graph = read_graph(tmp_path / "m.onnx")
    assert (graph.inputs, graph.outputs) == (((1, 3, 112, 112),), 15)
    assert graph.is_detector
    assert not graph.is_recogniser


def test_shapes_are_those_that_onnx_reads(tmp_path: Path) -> None:
    shapes = [[1, 3, "height", 640], [], ["batch", 512], [2**40, 7, 0]]
    values = [
        helper.make_tensor_value_info(str(number), TensorProto.FLOAT, shape)
        for number, shape in enumerate(shapes)
    ]
    values.append(helper.make_tensor_value_info("unknown", TensorProto.FLOAT, None))
    graph = helper.make_graph([], "shapes", values, values[::-1])
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())

    found = read_graph(tmp_path / "m.onnx")

    def told(value: ValueInfoProto) -> tuple[int, ...]:
        return tuple(d.dim_value for d in value.type.tensor_type.shape.dim)

    assert found.inputs == tuple(map(told, values))
    assert found.inputs[0] == (1, 3, 0, 640)
    assert found.lengths == tuple((told(v) or (0,))[-1] for v in values[::-1])


def test_a_graph_is_read_without_the_library_that_makes_it(tmp_path: Path) -> None:
    """Its import took longer than a command that looks things up."""
    write_model(tmp_path / "m.onnx", 15, side=112)
    code = (
        "import sys; from pathlib import Path; from facesort.faces.packs.onnx_graph import read_graph;"
        "read_graph(Path(sys.argv[1])); print({'google', 'onnx'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "m.onnx")]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", ["dlib", "synthetic"])
def test_built_in_packs_are_calibrated(name: str) -> None:
    pack = resolve_pack(name, [])
    assert (pack.name, pack.kind, pack.calibrated) == (name, name, True)
    assert 0 < pack.strict < pack.loose < 2


def test_a_file_that_changed_after_it_was_resolved_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    pack = resolve_pack("tiny", [tmp_path])
    write_model(tmp_path / "tiny" / "w_tiny.onnx", 1, side=112, tag="new weights")
    with pytest.raises(PackError, match=r"w_tiny\.onnx of model pack tiny has changed"):
        load_engine(pack, threads=1)


def test_a_file_that_is_replaced_while_it_is_loaded_is_refused(tmp_path: Path) -> None:
    """Its hash is compared, and then the libraries open it by its name."""
    write_pack(tmp_path / "tiny")
    pack = resolve_pack("tiny", [tmp_path])

    def load(*_: object) -> FaceEngine:
        write_model(tmp_path / "tiny" / "w_tiny.onnx", 1, side=112, tag="new weights")
        return load_engine(resolve_pack("synthetic", []), threads=1)

    with pytest.raises(PackError, match=r"w_tiny\.onnx of model pack tiny has changed"):
        load_engine(pack, threads=1, load=load)


@pytest.mark.parametrize("place", ["initializer", "attribute", "subgraph"])
def test_weights_in_another_file_are_refused(tmp_path: Path, place: str) -> None:
    """No hash of the pack would know them."""
    write_pack(tmp_path / "tiny")
    path = tmp_path / "tiny/w_tiny.onnx"
    model = onnx.load(path)
    weights = onnx.TensorProto(
        name="far", data_type=1, dims=[3], data_location=onnx.TensorProto.EXTERNAL
    )
    weights.external_data.add(key="location", value="../w.bin")
    inner = onnx.GraphProto(name="inner", initializer=[weights])
    if place == "initializer":
        model.graph.initializer.append(weights)
    elif place == "attribute":
        model.graph.node[0].attribute.add(name="value", t=weights)
    else:
        model.graph.node[0].attribute.add(name="then_branch", g=inner)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(PackError, match=r"w_tiny\.onnx stores weights in another file: save it as"):
        resolve_pack("tiny", [tmp_path])


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    pack = resolve_pack("tiny", [tmp_path])
    (tmp_path / "tiny" / "det_tiny.onnx").unlink()
    with pytest.raises(PackError, match=r"det_tiny\.onnx .*cannot be read"):
        load_engine(pack, threads=1)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.parametrize("file", ["det_tiny.onnx", "a.onnx", "pack.json"])
def test_a_pipe_in_a_pack_is_refused_and_not_waited_for(tmp_path: Path, file: str) -> None:
    write_pack(tmp_path / "tiny")
    (tmp_path / "tiny" / file).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "tiny" / file)
    with patience(20), pytest.raises(PackError, match=file):
        resolve_pack(str(tmp_path / "tiny"), [])


def varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + varint(number >> 7)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def nested(depth: int) -> bytes:
    """A graph in an attribute of a node of a graph, and so on."""
    data = b""
    for _ in range(depth):
        data = message(1, message(5, message(6, data)))
    return message(7, data)


HOSTILE = {
    "nothing": b"",
    "endless fields without an end": b"\x08\x00" * 5_000_000,
    "empty nodes": message(7, message(1, b"") * 5_000_000),
    "a graph in itself": nested(5_000),
    "a long shape": message(7, message(11, b"\x0a\x7f" + b"x" * (1 << 20))),
    "a length beyond all": b"\x3a" + varint(2**62),
    "a varint without an end": b"\x3a" + b"\xff" * 4096,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_is_made_to_be_read_for_ever_is_refused(tmp_path: Path, what: str) -> None:
    write_pack(tmp_path / "tiny")
    (tmp_path / "tiny" / "a.onnx").write_bytes(HOSTILE[what])
    with patience(20), pytest.raises(PackError, match=r"a\.onnx is not a readable ONNX file"):
        resolve_pack(str(tmp_path / "tiny"), [])


@pytest.mark.skipif(os.name == "nt", reason="sparse files of POSIX")
def test_a_file_larger_than_onnx_can_be_is_not_read(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    os.truncate(tmp_path / "tiny" / "w_tiny.onnx", 2**40)
    with patience(20), pytest.raises(PackError, match=r"w_tiny.onnx is not a readable"):
        resolve_pack(str(tmp_path / "tiny"), [])


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("target", ["a.onnx", "/dev/zero", "/nowhere", "."])
def test_models_may_be_links_but_only_to_files(tmp_path: Path, target: str) -> None:
    write_pack(tmp_path / "cache")
    (tmp_path / "tiny").mkdir()
    for model in (tmp_path / "cache").iterdir():
        (tmp_path / "tiny" / model.name).symlink_to(model)
    assert resolve_pack(str(tmp_path / "tiny"), []).name == "tiny"

    (tmp_path / "tiny" / "a.onnx").symlink_to(target)
    with patience(20), pytest.raises(PackError, match=r"a\.onnx"):
        resolve_pack(str(tmp_path / "tiny"), [])
    assert [pack.name for pack in find_packs([tmp_path])] == ["cache", "dlib", "synthetic"]


def test_a_folder_of_thousands_of_models_is_no_pack(tmp_path: Path) -> None:
    write_pack(tmp_path / "tiny")
    for number in range(200):
        (tmp_path / "tiny" / f"{number}.onnx").write_bytes(b"")
    with pytest.raises(PackError, match="more than 100"):
        resolve_pack(str(tmp_path / "tiny"), [])


@pytest.mark.parametrize(
    "manifest",
    [
        b"[" * 200_000,
        b'{"files": ' * 100_000,
        b'{"files": 5}',
        b'{"files": "ab"}',
        b'{"files": [[[], 1]]}',
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"files": {"det_tiny.onnx": ' + b"9" * 10_000 + b"}}",
        b" " * (2 << 20),
    ],
)
def test_a_manifest_of_any_kind_is_told_as_one_that_cannot_be_read(
    tmp_path: Path, manifest: bytes
) -> None:
    write_pack(tmp_path / "tiny")
    (tmp_path / "tiny" / "pack.json").write_bytes(manifest)
    with patience(20), pytest.raises(PackError, match=r"pack\.json cannot be read"):
        resolve_pack(str(tmp_path / "tiny"), [])
