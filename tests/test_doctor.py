from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from facesort.doctor import Finding, State, examine
from facesort.errors import PackError
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.protocol import ModelPack

PACK = replace(synthetic_pack(), name="tiny")


def loading(**broken: Exception):
    """An import that fails for the modules named, and offers two accelerators."""

    def load(name: str) -> ModuleType:
        if name in broken:
            raise broken[name]
        if name == "onnxruntime":
            names = ["AzureExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
            return SimpleNamespace(get_available_providers=lambda: names)
        return ModuleType(name)

    return load


def findings(subject: str, workspace: Path, **injected) -> list[Finding]:
    injected = {"load": loading(), "find_packs": lambda roots: [PACK]} | injected
    found = examine(workspace, [Path("packs")], **injected)
    return [finding for finding in found if finding.subject == subject]


def finding(subject: str, workspace: Path, **injected) -> Finding:
    [found] = findings(subject, workspace, **injected)
    return found


def test_python_is_new_enough_to_run_this(tmp_path: Path) -> None:
    assert finding("Python", tmp_path).state is State.OK


def test_every_runtime_dependency_is_reported_and_no_other(tmp_path: Path) -> None:
    subjects = {found.subject for found in examine(tmp_path, [], load=loading())}

    assert {"click", "duckdb", "face-recognition-models", "opencv-python-headless"} <= subjects
    assert "pytest" not in subjects


def test_an_extra_that_is_not_there_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = ["click", "duckdb; python_version > '3'", "uvicorn; extra == 'serve'"]
    monkeypatch.setattr(metadata, "requires", lambda name: declared)
    assert finding("facesort serve", tmp_path).remedy == ""

    declared.append("not-there; extra == 'serve'")
    found = finding("facesort serve", tmp_path)
    assert (found.state, found.detail) == (State.OK, "cannot run without not-there")
    assert "pip install 'facesort[serve]'" in found.remedy


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: real("none" if name == "openvino" else name)
    )


def test_what_decodes_clips_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("clips", tmp_path).detail == f"decoded by PyAV {metadata.version('av')}"

    found = finding("clips", tmp_path, load=loading(av=ImportError("no libasound.so.2")))
    assert (found.state, found.remedy) == (
        State.WARNING,
        "pip uninstall av, or mend it: until then OpenCV decodes",
    )
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: real("none" if name == "av" else name))
    found = finding("clips", tmp_path)
    assert (found.state, found.detail[:17]) == (State.OK, "decoded by OpenCV")
    assert "pip install 'facesort[video]'" in found.remedy


@pytest.mark.parametrize("flags", [{"avx512_bf16"}, {"amx_bf16", "amx_tile", "avx512_bf16"}])
def test_openvino_is_recommended_where_the_processor_computes_in_bfloat16(
    tmp_path: Path, without_openvino: None, flags: set[str]
) -> None:
    found = finding("OpenVINO", tmp_path, cpu_flags=lambda: frozenset(flags | {"sse2", "avx2"}))

    names = ", ".join(sorted(flags - {"amx_tile"}))
    assert found.state is State.OK
    assert found.detail.endswith(f"1.5 to 5 times as fast here ({names})")
    assert found.remedy.startswith("pip install openvino: recommended")


def test_openvino_is_not_recommended_elsewhere(tmp_path: Path, without_openvino: None) -> None:
    found = finding("OpenVINO", tmp_path, cpu_flags=lambda: frozenset({"avx2", "avx512f"}))
    assert (found.state, found.remedy) == (State.OK, "")
    assert found.detail.endswith("this processor does not compute in bfloat16")

    found = finding("OpenVINO", tmp_path, cpu_flags=lambda: None)
    assert (found.state, found.detail[:16]) == (State.OK, "is not installed")
    assert found.remedy == "pip install openvino, if this one does"


def test_openvino_that_is_there_has_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "9.9" if n == "openvino" else real(n))

    found = finding("OpenVINO", tmp_path)
    assert (found.state, found.detail[:4], found.remedy) == (State.OK, "9.9:", "")

    found = finding("OpenVINO", tmp_path, load=loading(openvino=ImportError("no libtbb.so")))
    assert (found.state, found.detail) == (State.WARNING, "9.9 does not load: no libtbb.so")
    assert found.remedy.startswith("pip install --force-reinstall openvino, or uninstall it")


def test_a_library_has_its_version(tmp_path: Path) -> None:
    assert finding("duckdb", tmp_path).detail == metadata.version("duckdb")


@pytest.fixture
def opencv(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which wheels of OpenCV are installed."""
    real = metadata.version

    def install(*names: str) -> None:
        def version(name: str) -> str:
            if name.startswith("opencv-python") and name not in names:
                raise metadata.PackageNotFoundError(name)
            return "5.0" if name in names else real(name)

        monkeypatch.setattr(metadata, "version", version)

    return install


@pytest.mark.parametrize("name", ["opencv-python", "opencv-python-headless"])
def test_either_wheel_of_opencv_will_do(
    name: str, tmp_path: Path, opencv: Callable[..., None]
) -> None:
    opencv(name)

    assert finding(name, tmp_path) == Finding(name, State.OK, "5.0")
    found = [each.subject for each in examine(tmp_path, [], load=loading())]
    assert [each for each in found if "opencv" in each.lower()] == [name]


def test_both_wheels_of_opencv_are_named_with_the_cure(
    tmp_path: Path, opencv: Callable[..., None]
) -> None:
    opencv("opencv-python", "opencv-python-headless")

    found = finding("OpenCV", tmp_path)

    assert found.state is State.WARNING
    assert "both opencv-python and opencv-python-headless" in found.detail
    assert found.remedy.startswith("pip uninstall opencv-python opencv-python-headless; ")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its wheel is complete")
def test_a_missing_system_library_is_named_with_its_cure(
    tmp_path: Path, opencv: Callable[..., None]
) -> None:
    opencv("opencv-python")
    error = ImportError("libGL.so.1: cannot open shared object file\nmore")

    found = finding("opencv-python", tmp_path, load=loading(cv2=error))

    assert found.state is State.MISSING
    assert found.detail.endswith("does not load: libGL.so.1: cannot open shared object file")
    assert found.remedy == "apt-get install libgl1 libglib2.0-0"


@pytest.mark.parametrize("error", [ImportError(), ImportError("no"), OSError("no")])
def test_a_library_that_does_not_load_is_a_finding(tmp_path: Path, error: Exception) -> None:
    found = finding("rawpy", tmp_path, load=loading(rawpy=error))

    assert (found.state, found.remedy) == (State.MISSING, "pip install --force-reinstall rawpy")


def test_another_error_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        examine(tmp_path, [], load=loading(rawpy=ZeroDivisionError()))


def test_accelerators_work_offline(tmp_path: Path) -> None:
    found = finding("accelerators", tmp_path)

    assert found == Finding("accelerators", State.OK, "ONNX Runtime can use CUDA, CPU")


def test_accelerators_without_their_library(tmp_path: Path) -> None:
    broken = loading(onnxruntime=ImportError("no"))

    assert finding("accelerators", tmp_path, load=broken).state is State.MISSING


def test_packs_are_searched_where_asked(tmp_path: Path) -> None:
    asked: list[Sequence[Path]] = []

    def find(roots: Sequence[Path]) -> list[ModelPack]:
        asked.append(roots)
        return [PACK, PACK]

    found = findings("model pack", tmp_path, find_packs=find)

    assert asked == [[Path("packs")]]
    assert [each.state for each in found] == [State.OK, State.OK]
    assert all("tiny" in each.detail and "also for paid work" in each.detail for each in found)


def test_no_pack_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    found = finding("model pack", tmp_path, find_packs=lambda roots: [])

    assert (found.state, found.detail) == (State.MISSING, "none in packs")
    assert "facesort packs" in found.remedy


def test_a_broken_pack_is_a_finding(tmp_path: Path) -> None:
    def find(roots: Sequence[Path]) -> list[ModelPack]:
        raise PackError("det.onnx is missing")

    assert finding("model pack", tmp_path, find_packs=find).detail == "det.onnx is missing"


def test_the_disk_of_a_workspace_that_is_not_there_yet(tmp_path: Path) -> None:
    found = finding("workspace", tmp_path / "not" / "yet")

    assert f"GB free at {tmp_path}" in found.detail
    assert not (tmp_path / "not").exists()


def test_this_very_installation_is_complete(tmp_path: Path) -> None:
    found = examine(tmp_path, [], load=importlib.import_module, find_packs=lambda roots: [PACK])

    missing = [each for each in found if each.state is State.MISSING]
    assert missing == []
