"""What is installed is what was looked at: the lock files, the libraries inside of wheels, the licences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from sbom import IN_PLACE_OF, Library, Locked, bill_text, licence, listed_libraries, main, read_lock

LOCKS = ["build", "runtime", "dev"]
SHARED = re.compile(
    r"(?P<name>.+?)(-[0-9a-f]{8})*(?P<own>(\.\d+)*)\.(so|dylib|dll)(\.(?P<soname>[\w.]+))?"
)
MODULE = re.compile(r"\.(cpython-\w+|abi3|cp3\w+)[-\w]*\.(so|pyd)$")  # the package's own code
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="the table is about the wheels for Linux"
)


def project(checkout: Path) -> dict:
    return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(checkout: Path, lock: str) -> list[Requirement]:
    """What pyproject.toml asks for in a lock file."""
    settings = project(checkout)
    groups, asked = settings["dependency-groups"], settings["project"]["dependencies"]
    extras = settings["project"]["optional-dependencies"]
    texts = {
        "build": groups["build"],
        "runtime": [*asked, *groups["locked"]],
        "dev": [*asked, *extras["dev"], *extras["docs"], *groups["locked"], *groups["build"]],
    }
    excluded = settings["tool"]["uv"]["exclude-dependencies"]
    return [each for each in map(Requirement, texts[lock]) if each.name not in excluded]


def closure(requirements: list[Requirement]) -> set[str]:
    """Names of what is asked for on this system, and of all that this asks for, by the installed metadata."""
    found: set[tuple[str, str]] = set()
    waiting = [(each, "") for each in requirements]
    while waiting:
        requirement, of = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": of}):
            continue
        name = canonicalize_name(requirement.name)
        name = IN_PLACE_OF.get(name, name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(Requirement(each), extra) for each in metadata.requires(name) or []]
    return {name for name, _ in found}


def installed_here(lock: str) -> list[Locked]:
    return [each for each in read_lock(lock) if each.applies]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_is_nothing_but_versions_and_checksums(checkout: Path, lock: str) -> None:
    text = (checkout / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    packages = [line for line in lines if not line.startswith("    --hash=sha256:")]

    assert len(packages) == len(read_lock(lock)) == len(set(packages)) > 5
    assert [line for line in lines if "://" in line or "@" in line or "-index" in line] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_exactly_what_the_project_asks_for(checkout: Path, lock: str) -> None:
    names = {each.name for each in installed_here(lock)}

    assert names == closure(wanted(checkout, lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_versions_that_the_project_accepts(checkout: Path, lock: str) -> None:
    versions = {each.name: each.version for each in read_lock(lock)}

    unmet = [
        str(each)
        for each in wanted(checkout, lock)
        if not each.specifier.contains(versions[canonicalize_name(each.name)])
    ]

    assert unmet == []


def test_the_lock_files_agree_with_each_other() -> None:
    everything = {(each.name, each.version, each.hashes) for each in read_lock("dev")}

    for lock in LOCKS:
        assert {(each.name, each.version, each.hashes) for each in read_lock(lock)} <= everything


def test_the_locked_versions_are_installed() -> None:
    locked = {each.name: each.version for each in installed_here("dev")}

    assert {name: metadata.version(name) for name in locked} == locked


def bundled(package: str) -> set[tuple[str, str]]:
    """Shared libraries among a package's files, with the longest version in a file's name."""
    found: dict[str, str] = {}
    for file in metadata.files(package) or []:
        if (match := SHARED.fullmatch(file.name)) and not MODULE.search(file.name):
            version = match["soname"] or match["own"].strip(".")
            found[match["name"]] = max(found.get(match["name"], ""), version, key=len)
    return set(found.items())


@on_linux
def test_the_table_names_every_library_inside_of_a_wheel() -> None:
    inside = {
        (each.name, name, version)
        for each in installed_here("runtime")
        for name, version in bundled(each.name)
    }

    assert len(inside) > 40
    assert inside == {(each.wheel, each.name, each.version) for each in listed_libraries()}


def forbidden(text: str) -> bool:
    """Whether a licence is the GPL without an exception, or not for everybody's use."""
    text = re.sub(r"\bLGPL\S*|Lesser General Public", "", text)
    gpl = re.search(r"\bA?GPL|General Public", text) and "exception" not in text
    return bool(gpl or re.search(r"proprietary|non-?commercial|research only", text, re.I))


def test_nothing_that_is_installed_to_run_facesort_has_the_gpl() -> None:
    packages = {each.name: licence(each.name) for each in installed_here("runtime")}
    libraries = {each.name: each.licence for each in listed_libraries()}

    assert [name for name, text in packages.items() if not text] == []
    # InsightFace's own words are about models that it offers for download.
    assert [name for name, text in packages.items() if forbidden(text)] == ["insightface"]
    assert [name for name, text in libraries.items() if forbidden(text)] == []
    assert {
        name for name in libraries if re.search("x26[45]|xvid|rubberband|postproc", name)
    } == set()


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("GPL-2.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0", True),
        ("CC-BY-NC: non-commercial", True),
        ("LGPL-2.1", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GPL-3.0 with GCC runtime exception", False),
        ("MIT", False),
    ],
)
def test_what_is_forbidden(text: str, bad: bool) -> None:
    assert forbidden(text) is bad


@on_linux
def test_the_development_environment_shows_that_x265_would_be_seen() -> None:
    assert "libx265" in {name for name, _ in bundled("pillow-heif")}
    assert SHARED.fullmatch("libQt5Core-9088e21b.so.5.15.19").group("name", "soname") == (
        "libQt5Core",
        "5.15.19",
    )


def test_the_decoder_of_heic_is_not_the_one_with_the_known_flaw() -> None:
    # Both `pi-heif`, which ended with libheif 1.23.0, and `pi-heif-decoder` are imported under this name.
    import pi_heif

    assert Version(pi_heif.libheif_version()) >= Version("1.23.4")
    assert pi_heif.libheif_info()["encoders"].keys() <= {"mask"}


@on_linux
def test_importing_opencv_loads_nothing_of_a_desktop() -> None:
    code = "import cv2; print(open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {line.rpartition("/")[2] for line in done.stdout.splitlines() if ".so" in line}

    assert any(name.startswith("cv2") for name in loaded)
    assert {name for name in loaded if re.match("libQt|libX11|libGL|libglib", name)} == set()


def test_the_bill_of_materials_is_complete_and_always_the_same(tmp_path: Path) -> None:
    main(tmp_path / "dist")  # ends if it is not valid
    [written] = (tmp_path / "dist").iterdir()
    text = written.read_text(encoding="utf-8")
    bill = json.loads(text)
    components = {each["name"]: each for each in bill["components"]}

    assert text == bill_text()
    assert components.keys() == {each.name for each in read_lock("runtime")}
    here = {each.name for each in installed_here("runtime")}
    assert {name for name in here if not components[name].get("licenses")} == set()
    assert all(each["externalReferences"][0]["hashes"] for each in components.values())
    inside = {each["name"] for each in components["pi-heif-decoder"]["components"]}
    assert inside == {"libheif", "libde265"}
    [root] = [each for each in bill["dependencies"] if each["ref"] == "facesort"]
    assert any("opencv-python-headless" in ref for ref in root["dependsOn"])


def test_libraries_of_one_wheel_are_listed_once() -> None:
    listed = listed_libraries()

    assert Library("pi-heif-decoder", "libheif", "1.23.4", "LGPL-3.0") in listed
    assert len({(each.wheel, each.name) for each in listed}) == len(listed)
