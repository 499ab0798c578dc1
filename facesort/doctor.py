"""Checks of the installation: what is installed, what is missing, and how to get it.

It runs when something does not work, so it imports the libraries itself; one that fails to load is a finding, not an
error.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from facesort.errors import PackError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from facesort.faces.protocol import ModelPack


OLDEST_PYTHON = (3, 11)
ENOUGH_FREE_BYTES = 2_000_000_000  # faces and crops of 16,000 photos, and one batch in staging
REMOTE_FILE_SYSTEMS = frozenset({"9p", "afpfs", "cifs", "fuse.sshfs", "nfs", "nfs4", "smbfs"})

# Compiled libraries can be installed and still fail to load, because a system library is missing.
COMPILED = MappingProxyType(
    {
        "dlib-bin": "dlib",
        "duckdb": "duckdb",
        "numpy": "numpy",
        "onnxruntime": "onnxruntime",
        "opencv-python": "cv2",
        "opencv-python-headless": "cv2",
        "pi-heif-decoder": "pi_heif",
        "pillow": "PIL.Image",
        "rawpy": "rawpy",
    }
)

# The same module, without windows. InsightFace asks for the other by name, so pip installs that;
# `make demo` installs this.
FULL_OPENCV, HEADLESS_OPENCV = "opencv-python", "opencv-python-headless"

BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16"})
"""Flags of processors on which OpenVINO computes in bfloat16; in float32 it is as fast as ONNX Runtime."""

EXTRAS = MappingProxyType(
    {"dask": "facesort worker", "publish": "facesort publish", "serve": "facesort serve"}
)
"""Extras that a command needs."""

Load = Callable[[str], ModuleType]
CpuFlags = Callable[[], frozenset[str] | None]
FindPacks = Callable[[Sequence[Path]], Sequence["ModelPack"]]


class State(StrEnum):
    """Severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about this installation.

    Parameters
    ----------
    subject : str
        What was checked: ``Python``, a library, ``model pack`` ...
    detail : str
        A version, or what is wrong.
    remedy : str
        What to do next; empty if nothing.
    """

    subject: str
    state: State
    detail: str
    remedy: str = ""


def examine(
    workspace: Path,
    pack_roots: Sequence[Path],
    *,
    load: Load = importlib.import_module,
    find_packs: FindPacks | None = None,
    cpu_flags: CpuFlags | None = None,
) -> list[Finding]:
    """Check Python, the libraries, the accelerators, what decodes clips, the model packs and the workspace's disk.

    Parameters
    ----------
    workspace : Path
        The folder whose disk is checked; it need not exist yet.
    pack_roots : sequence of Path
        Folders that are searched for model packs.
    load : callable
        Imports a module by its name; raises ``ImportError`` or ``OSError`` if that fails.
    find_packs : callable or None
        Finds the packs below the roots; default: `facesort.faces.packs.find.find_packs`.
    cpu_flags : callable or None
        What the processor can do, in Linux' words, or None if that is not known; default: asks Linux.

    Returns
    -------
    list of Finding
        In reading order; problems are findings, never exceptions.
    """
    return [
        _python(),
        *_libraries(load),
        _accelerators(load),
        _openvino(load, (cpu_flags or _cpu_flags)()),
        _clips(load),
        *_packs(pack_roots, find_packs or _find_packs),
        _disk(workspace),
        *_interrupted(workspace.absolute()),
    ]


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= OLDEST_PYTHON:
        return Finding("Python", State.OK, detail)
    return Finding("Python", State.MISSING, detail, "install Python 3.11 or newer")


def _libraries(load: Load) -> Iterator[Finding]:
    try:
        from packaging.requirements import Requirement

        declared = metadata.requires("facesort") or []
    except (ImportError, metadata.PackageNotFoundError) as error:
        detail = f"the requirements of facesort cannot be read: {error}"
        yield Finding("facesort", State.MISSING, detail, "make test, or pip install .")
        return
    yield Finding("facesort", State.OK, metadata.version("facesort"))
    for requirement in map(Requirement, declared):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            fits = requirement.specifier.contains
            name = _opencv() if requirement.name == FULL_OPENCV else requirement.name
            yield _library(name, str(requirement), fits, load)
    for extra, command in EXTRAS.items():
        yield _extra(extra, command, list(map(Requirement, declared)))
    if _is_installed(FULL_OPENCV) and _is_installed(HEADLESS_OPENCV):
        detail = f"both {FULL_OPENCV} and {HEADLESS_OPENCV} are installed, over each other"
        remedy = f"pip uninstall {FULL_OPENCV} {HEADLESS_OPENCV}; pip install {HEADLESS_OPENCV}"
        yield Finding("OpenCV", State.WARNING, detail, remedy)


def _extra(extra: str, command: str, declared: Sequence[Requirement]) -> Finding:
    """An extra that is not there is fine: not everybody needs it."""
    of_extra = [
        r.name
        for r in declared
        if r.marker and r.marker.evaluate({"extra": extra}) > r.marker.evaluate({"extra": ""})
    ]
    lacking = [name for name in of_extra if not _is_installed(name)]
    if not lacking:
        return Finding(command, State.OK, f"has all that the extra {extra!r} brings")
    detail = f"cannot run without {', '.join(lacking)}"
    return Finding(command, State.OK, detail, f"pip install 'facesort[{extra}]', if you want it")


def _opencv() -> str:
    return HEADLESS_OPENCV if _is_installed(HEADLESS_OPENCV) else FULL_OPENCV


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _library(name: str, wanted: str, fits: Callable[[str], bool], load: Load) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, State.MISSING, "is not installed", f"pip install '{wanted}'")
    if not fits(version):
        return Finding(name, State.WARNING, f"{version} is too old", f"pip install '{wanted}'")
    failure = _failure(COMPILED[name], load) if name in COMPILED else ""
    if failure:
        return Finding(name, State.MISSING, f"{version} does not load: {failure}", _remedy(name))
    return Finding(name, State.OK, version)


def _failure(module: str, load: Load) -> str:
    try:
        load(module)
    except (ImportError, OSError) as error:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return ""


def _remedy(name: str) -> str:
    if name == FULL_OPENCV and sys.platform == "linux":
        return "apt-get install libgl1 libglib2.0-0"
    return f"pip install --force-reinstall {name}"


def _accelerators(load: Load) -> Finding:
    subject = "accelerators"
    try:
        offered: list[str] = load("onnxruntime").get_available_providers()
    except (ImportError, OSError):
        return Finding(subject, State.MISSING, "unknown: onnxruntime does not load", "see above")
    # Azure's provider sends the input to a server; facesort works offline.
    usable = [name for name in offered if name != "AzureExecutionProvider"]
    names = [name.removesuffix("ExecutionProvider") for name in usable]
    return Finding(subject, State.OK, f"ONNX Runtime can use {', '.join(names)}")


def _openvino(load: Load, flags: frozenset[str] | None) -> Finding:
    # By its own name: for an extra pip looks at all that facesort asks for, and would put OpenCV with windows over the
    # one without that `make demo` installs.
    subject, install = "OpenVINO", "pip install openvino"
    if _is_installed("openvino"):
        version = metadata.version("openvino")
        if failure := _failure("openvino", load):
            remedy = "pip install --force-reinstall openvino, or uninstall it: ONNX Runtime does the same"
            return Finding(subject, State.WARNING, f"{version} does not load: {failure}", remedy)
        detail = f"{version}: a sort uses it if it embeds faces alike and faster, as it measures"
        return Finding(subject, State.OK, detail)
    if flags is None:
        detail = "is not installed; it is faster on processors that compute in bfloat16"
        return Finding(subject, State.OK, detail, f"{install}, if this one does")
    if able := sorted(flags & BFLOAT16):
        detail = (
            f"is not installed; it may embed faces 1.5 to 5 times as fast here ({', '.join(able)})"
        )
        remedy = f"{install}: recommended; a sort measures it first, and uses it if it is faster"
        return Finding(subject, State.OK, detail, remedy)
    detail = "is not installed, and not needed: this processor does not compute in bfloat16"
    return Finding(subject, State.OK, detail)


def _cpu_flags() -> frozenset[str] | None:
    """What the first processor can do; None where the system is not Linux on x86."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    flags = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return next((frozenset(names.split()) for names in flags), None)


def _clips(load: Load) -> Finding:
    subject, extra = "clips", "pip install 'facesort[video]'"
    if not _is_installed("av"):
        detail = (
            "decoded by OpenCV: damage is not counted, HDR and interlaced clips stay as they are"
        )
        return Finding(subject, State.OK, detail, f"{extra}, if you want it")
    version = metadata.version("av")
    if failure := _failure("av", load):
        remedy = "pip uninstall av, or mend it: until then OpenCV decodes"
        return Finding(subject, State.WARNING, f"PyAV {version} does not load: {failure}", remedy)
    return Finding(subject, State.OK, f"decoded by PyAV {version}")


def _find_packs(roots: Sequence[Path]) -> Sequence[ModelPack]:
    from facesort.faces.packs.find import find_packs

    return find_packs(roots)


def _packs(roots: Sequence[Path], find_packs: FindPacks) -> Iterator[Finding]:
    from facesort.faces.packs.measured import vouched_by

    subject = "model pack"
    try:
        packs = find_packs(roots)
    except (PackError, ImportError) as error:
        yield Finding(subject, State.MISSING, str(error), "facesort packs list")
        return
    for pack in packs:
        thresholds = f"STRICT {pack.strict:.2f}, LOOSE {pack.loose:.2f}: {vouched_by(pack)}"
        detail = f"{pack.name} ({pack.kind}; {thresholds}) {pack.path or ''} - {pack.licence}"
        yield Finding(subject, State.OK, detail)
    if not packs:
        places = ", ".join(map(str, roots)) or "no folder"
        yield Finding(
            subject, State.MISSING, f"none in {places}", "facesort packs list, then fetch one"
        )


def _disk(workspace: Path) -> Finding:
    folder = next(p for p in (workspace.absolute(), *workspace.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    kind = _file_system(folder)
    detail = f"{free / 1e9:.1f} GB free at {folder}" + (f" ({kind})" if kind else "")
    if not os.access(folder, os.W_OK):
        remedy = "choose another folder with --workspace"
        return Finding("workspace", State.WARNING, f"{detail}, which is read-only", remedy)
    if kind in REMOTE_FILE_SYSTEMS:
        remedy = "put the workspace on the internal disk with --workspace"
        return Finding("workspace", State.WARNING, f"{detail}, over the network", remedy)
    if free < ENOUGH_FREE_BYTES:
        remedy = f"make room: {ENOUGH_FREE_BYTES / 1e9:.0f} GB are enough for 16,000 photos"
        return Finding("workspace", State.WARNING, detail, remedy)
    return Finding("workspace", State.OK, detail)


def _interrupted(workspace: Path) -> Iterator[Finding]:
    """Biometric data that an interrupted restore or backup left."""
    try:
        from facesort.engine.privacy import known_backups
        from facesort.workspace import RESTORING
    except ImportError:  # said above
        return
    if os.path.lexists(workspace / RESTORING):
        detail = f"a restore to {workspace} is at work, or was interrupted"
        remedy = f"facesort restore BACKUP -w {workspace}, or delete the folder"
        yield Finding("workspace", State.WARNING, detail, remedy)
    for found in known_backups.remaining(workspace):
        if not found.is_whole:
            detail, remedy = f"{found.path} is {found.what}", "facesort backup, or delete it"
            yield Finding("workspace", State.WARNING, detail, remedy)


def _file_system(folder: Path) -> str:
    """Type of the file system a folder is on; empty if unknown."""
    try:
        import psutil
    except ImportError:
        return ""
    resolved = folder.resolve()
    mounts = [m for m in psutil.disk_partitions(all=True) if resolved.is_relative_to(m.mountpoint)]
    return str(max(mounts, key=lambda m: len(m.mountpoint)).fstype) if mounts else ""
