"""Packs with a ``pack.toml``."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from faces.composed_packs import composed
from faces.tiny_packs import write_model
from foreign_things import patience

from facesort.errors import PackError
from facesort.faces.packs import known
from facesort.faces.packs.description import DESCRIPTION, Description, read_description
from facesort.faces.packs.files import is_former, read_pack
from facesort.faces.packs.find import find_packs, resolve_pack
from facesort.faces.packs.known import licence_of
from facesort.faces.packs.measured import vouched_by
from facesort.faces.protocol import Licence, ModelPack

DETECTOR = {
    "kind": '"yunet"',
    "file": '"det.onnx"',
    "licence": '"MIT"',
    "licence_source": '"https://example.org/det"',
    "paid_work": "true",
    "trained_on": '"WIDER FACE"',
}
RECOGNISER = {
    "kind": '"sface"',
    "file": '"rec.onnx"',
    "licence": '"Apache-2.0"',
    "licence_source": '"https://example.org/rec"',
    "paid_work": "true",
    "side": "112",
    "colour": '"RGB"',
    "dim": "128",
}
THRESHOLDS = {"strict": "0.7", "loose": "0.9", "measured_on": '"drawn faces"'}


def described(
    folder: Path,
    detector: dict[str, str | None] | None = None,
    recogniser: dict[str, str | None] | None = None,
    thresholds: dict[str, str | None] | None = None,
    more: str = "",
) -> Path:
    """A pack of YuNet and SFace as drawn graphs; None leaves a key out."""
    if not (folder / "det.onnx").exists():
        write_model(folder / "det.onnx", 12)
        write_model(folder / "rec.onnx", 1, side=112, length=128)
    text = more
    for table, values, changes in (
        ("detector", DETECTOR, detector),
        ("recogniser", RECOGNISER, recogniser),
        ("thresholds", THRESHOLDS, thresholds),
    ):
        file = values.get("file", "").strip('"')
        own = {"sha256": f'"{sha256(folder / file)}"'} if file else {}
        lines = (
            f"{k} = {v}\n" for k, v in (values | own | (changes or {})).items() if v is not None
        )
        text += f"[{table}]\n{''.join(lines)}"
    (folder / DESCRIPTION).write_text(text)
    return folder


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(folder: Path, **changes: dict[str, str | None]) -> ModelPack:
    return read_pack(described(folder, **changes))


def test_a_described_pack_is_what_its_description_says(tmp_path: Path) -> None:
    pack = read(tmp_path / "mine")
    assert (pack.name, pack.kind, pack.path) == ("mine", "described", tmp_path / "mine")
    assert (pack.detector.kind, pack.recogniser.kind, pack.recogniser.dim) == (
        "yunet",
        "sface",
        128,
    )
    assert (pack.strict, pack.loose, pack.widest_loose, pack.calibrated) == (0.7, 0.9, None, True)
    assert pack.measured_on == "drawn faces"
    assert pack.detector.licence == Licence("MIT", True, "https://example.org/det", "WIDER FACE")
    assert [file for file, _ in pack.files] == ["det.onnx", "rec.onnx"]
    assert pack.paid_work
    assert "detector MIT, also for paid work; of the recogniser Apache-2.0" in pack.licence


def test_without_thresholds_a_pack_is_not_calibrated(tmp_path: Path) -> None:
    text = read_description(described(tmp_path) / DESCRIPTION).model_copy(
        update={"thresholds": None}
    )
    (tmp_path / DESCRIPTION).write_text(text.toml())
    pack = read_pack(tmp_path)
    assert (pack.strict, pack.loose, pack.calibrated, pack.measured_on) == (0.8, 1.0, False, "")


def test_a_description_is_written_as_it_is_read(tmp_path: Path) -> None:
    description = read_description(described(tmp_path) / DESCRIPTION)
    (tmp_path / DESCRIPTION).write_text(description.toml())
    assert read_description(tmp_path / DESCRIPTION) == description
    assert isinstance(description, Description)


def test_described_packs_are_found(tmp_path: Path) -> None:
    described(tmp_path / "mine")
    described(tmp_path / "wrong", {"sha256": f'"{"0" * 64}"'})
    assert [pack.name for pack in find_packs([tmp_path])] == ["mine", "dlib", "synthetic"]
    assert resolve_pack("mine", [tmp_path]) == resolve_pack(str(tmp_path / "mine"), [])


def test_identity_is_of_what_changes_embeddings(tmp_path: Path) -> None:
    mine = read(tmp_path / "mine").pack_id
    words = {
        "licence": '"other"',
        "licence_source": '"other"',
        "paid_work": None,
        "trained_on": None,
    }
    assert read(tmp_path / "mine", detector=words, thresholds={"strict": "0.1"}).pack_id == mine
    shutil.copytree(tmp_path / "mine", tmp_path / "other name")
    assert read_pack(tmp_path / "other name").pack_id == mine
    arcface = {"kind": '"arcface"'}
    changed = [
        arcface,
        arcface | {"colour": '"BGR"'},
        arcface | {"mean": "127.5", "scale": "128.0"},
        arcface | {"mean": "127.5", "scale": "127.5"},
    ]
    ids = [read(tmp_path / "mine", recogniser=change).pack_id for change in changed]
    assert len({mine, *ids}) == 5
    assert read(tmp_path / "mine", recogniser={"mean": "0", "scale": "1"}).pack_id == mine
    write_model(tmp_path / "mine" / "rec.onnx", 1, side=112, length=128, tag="other weights")
    assert read(tmp_path / "mine").pack_id not in {mine, *ids}


def test_a_description_beside_a_pack_of_insightface_keeps_its_identity(tmp_path: Path) -> None:
    """Who adds the licence must not embed a gallery again."""
    write_model(tmp_path / "det.onnx", 9)
    write_model(tmp_path / "rec.onnx", 1, side=112, length=128)
    plain = read_pack(tmp_path)
    pack = read(tmp_path, detector={"kind": '"scrfd"'}, recogniser={"kind": '"arcface"'})
    assert (plain.kind, pack.kind) == ("insightface", "described")
    assert plain.pack_id == pack.pack_id
    hashes = sorted(sha for _, sha in plain.files)
    assert (
        plain.pack_id == hashlib.sha256("\n".join([*hashes, "insightface-3"]).encode()).hexdigest()
    )
    former = hashlib.sha256("\n".join([*hashes, "insightface-2"]).encode()).hexdigest()
    assert is_former(pack, former)
    assert not is_former(pack, plain.pack_id)


WRONG = {
    "nothing at all": ({"kind": None}, {}, {}, r"detector\.kind: Field required"),
    "another kind": ({"kind": '"telepathy"'}, {}, {}, r"detector\.kind: Input should be 'scrfd'"),
    "a key of nobody": ({"speed": "9"}, {}, {}, r"detector\.speed: Extra inputs"),
    "a missing licence": ({"licence": None}, {}, {}, r"detector\.licence: Field required"),
    "an empty licence": ({}, {"licence": '""'}, {}, r"recogniser\.licence: .* at least 1"),
    "a missing hash": ({}, {"sha256": None}, {}, r"recogniser\.sha256: Field required"),
    "no hash": ({}, {"sha256": '"MD5"'}, {}, r"recogniser\.sha256: String should match"),
    "a wrong hash": ({}, {"sha256": f'"{"0" * 64}"'}, {}, r"rec\.onnx is not the file that"),
    "an absolute name": ({"file": '"/etc/passwd"'}, {}, {}, r"detector\.file: give the plain name"),
    "a name of a parent": ({"file": '"../det.onnx"'}, {}, {}, r"detector\.file: give the plain"),
    "the parent": ({"file": '".."'}, {}, {}, r"detector\.file: give the plain"),
    "a name of Windows": ({"file": '"c:det.onnx"'}, {}, {}, r"detector\.file: give the plain"),
    "a backslash": ({"file": '"a\\\\det.onnx"'}, {}, {}, r"detector\.file: give the plain"),
    "a name with an escape": ({"file": '"\\u001b[31m"'}, {}, {}, r"cannot be printed"),
    "a licence with an escape": ({"licence": '"\\u001b[31m"'}, {}, {}, r"cannot be printed"),
    "a missing file": (
        {"file": '"gone.onnx"'},
        {},
        {},
        r"gone\.onnx of a model pack cannot be read",
    ),
    "another dimension": ({}, {"dim": "512"}, {}, r"gives 128 numbers per face, not 512"),
    "another side": ({}, {"side": "224"}, {}, r"does not take one picture of 224 x 224 px"),
    "a side of no template": ({}, {"side": "100"}, {}, r"multiple of 112 or 128"),
    "a text as a number": (
        {},
        {"dim": '"128"'},
        {},
        r"recogniser\.dim: Input should be a valid int",
    ),
    "a mean without a scale": (
        {},
        {"kind": '"arcface"', "mean": "1.0"},
        {},
        r"both mean and scale",
    ),
    "no scale": ({}, {"kind": '"arcface"', "mean": "0", "scale": "0"}, {}, r"recogniser\.scale"),
    "an endless mean": (
        {},
        {"kind": '"arcface"', "mean": "nan", "scale": "1"},
        {},
        r"finite number",
    ),
    "SFace with another mean": ({}, {"mean": "127.5", "scale": "127.5"}, {}, r"sface takes RGB"),
    "a detector that is none": ({"kind": '"scrfd"'}, {}, {}, r"det\.onnx is no scrfd detector"),
    "dlib's eyes for ArcFace": (
        {"kind": '"dlib"'},
        {},
        {},
        r"no corners of the mouth, which sface",
    ),
    "dlib of another size": ({}, {"kind": '"dlib"'}, {}, r"dlib takes side = 150"),
    "STRICT above LOOSE": ({}, {}, {"strict": "1.5"}, r"strict must not be above loose"),
    "thresholds of nothing": ({}, {}, {"measured_on": None}, r"thresholds\.measured_on: Field"),
    "a distance beyond all": ({}, {}, {"loose": "2.5"}, r"thresholds\.loose"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_description_is_a_sentence(tmp_path: Path, what: str) -> None:
    detector, recogniser, thresholds, words = WRONG[what]
    with pytest.raises(PackError, match=words) as caught:
        read(tmp_path, detector=detector, recogniser=recogniser, thresholds=thresholds)
    assert str(tmp_path) in str(caught.value)
    assert str(caught.value).isprintable()  # on one line


HOSTILE = {
    "no TOML": b"{]",
    "no text": b"\xff\xfe\x00",
    "nested": b"a = " + b"[" * 20_000,
    "a name nested": b".".join([b"a"] * 9_000) + b" = 1",
    "too large": b"# " + b"x" * (1 << 20),
    "a long word": b"[detector]\nkind = '" + b"x" * 20_000 + b"'",
    "many keys": b"".join(b"k%d = 1\n" % n for n in range(2_000)),
    "a table as a value": b"detector = 5\nrecogniser = []",
    "an escape": b'a = "\\u001b[2J',
    "empty": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_toml_is_a_sentence(tmp_path: Path, what: str) -> None:
    described(tmp_path)
    (tmp_path / DESCRIPTION).write_bytes(HOSTILE[what])
    with patience(20), pytest.raises(PackError, match=r"pack\.toml (is|does not)") as caught:
        read_pack(tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2_000


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.parametrize("name", ["pack.toml", "det.onnx", "rec.onnx"])
@pytest.mark.parametrize("target", ["itself", "/dev/zero", "/nowhere", ".", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    tmp_path: Path, name: str, target: str
) -> None:
    path = described(tmp_path) / name
    path.unlink()
    if target == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(name if target == "itself" else target)
    with patience(20), pytest.raises(PackError, match=name):
        read_pack(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="sparse files of POSIX")
def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    os.truncate(described(tmp_path) / "rec.onnx", 2**40)
    with patience(20), pytest.raises(PackError, match=r"rec\.onnx is larger than a model can be"):
        read_pack(tmp_path)


@pytest.mark.models
def test_known_weights_have_their_licence_whatever_is_said_of_them(
    assets: Path, tmp_path: Path
) -> None:
    """InsightFace's detector beside a free recogniser is not free, and the free one is called free."""
    shutil.copy(assets / "models/mbf128/det_500m.onnx", tmp_path / "det.onnx")
    shutil.copy(assets / "models/mbf128/MobileFaceNet.onnx", tmp_path / "rec.onnx")
    plain = read_pack(tmp_path)
    pack = read(tmp_path, detector={"kind": '"scrfd"'}, recogniser={"kind": '"arcface"'})
    assert pack.licence == plain.licence
    assert pack.paid_work is False
    assert "non-commercial" in pack.licence
    assert "of the recogniser Apache-2.0, also for paid work" in pack.licence


def test_weights_that_nobody_knows_have_no_known_licence(tmp_path: Path) -> None:
    write_model(tmp_path / "buffalo_l" / "det_10g.onnx", 9)
    write_model(tmp_path / "buffalo_l" / "w600k_r50.onnx", 1, side=112)
    pack = read_pack(tmp_path / "buffalo_l")
    assert pack.paid_work is None
    assert pack.licence == "Licence of the weights: unknown: ask its publisher."


@pytest.mark.models
def test_thresholds_are_measured_only_for_the_kind_of_detector_they_were_measured_with(
    assets: Path, tmp_path: Path
) -> None:
    """Another detector puts the landmarks elsewhere."""
    packs = [
        read_pack(composed(tmp_path / detector, assets / "models", detector, "arcface"))
        for detector in ("scrfd", "scrfd_2.5g", "yunet")
    ]
    assert [pack.calibrated for pack in packs] == [True, True, True]
    assert ["LFW" in pack.measured_on for pack in packs] == [False, False, True]
    assert [vouched_by(pack) for pack in packs] == ["recommended"] * 3

    behind = read_pack(composed(tmp_path / "dlib's", assets / "models", "scrfd", "dlib"))
    dlib = resolve_pack("dlib", [])
    assert (behind.strict, behind.loose, behind.calibrated) == (dlib.strict, dlib.loose, False)
    assert (vouched_by(behind), behind.measured_on) == ("not measured", "")


def test_a_loose_that_names_everybody_is_refused(tmp_path: Path) -> None:
    described(tmp_path)
    text = (tmp_path / DESCRIPTION).read_text().partition("[thresholds]")[0]
    claim = '[thresholds]\nstrict = 1.3\nloose = {}\nmeasured_on = "10,000 people"\n'
    (tmp_path / DESCRIPTION).write_text(text + claim.format(1.41))
    with pytest.raises(PackError, match="loose"):
        read_pack(tmp_path)
    (tmp_path / DESCRIPTION).write_text(text + claim.format(1.4))
    assert read_pack(tmp_path).loose == 1.4


def test_who_says_that_thresholds_are_good_is_told(tmp_path: Path) -> None:
    described(tmp_path / "claims")
    pack = read_pack(tmp_path / "claims")
    claimed = replace(pack, calibrated=True, measured_on="10,000 people")
    assert vouched_by(claimed) == "says its pack.toml"
    assert vouched_by(replace(claimed, measured_on="")) == "recommended"
    assert vouched_by(replace(claimed, calibrated=False)) == "not measured"


def test_the_two_files_of_dlib_were_trained_on_different_faces() -> None:
    assert "7,198" in licence_of(known._DLIB_POINTS).trained_on
    assert "VGG" in licence_of(known._DLIB_RESNET).trained_on
