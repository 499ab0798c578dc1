"""Writes the bill of materials of what `make demo` installs, as CycloneDX JSON.

Versions and checksums come from ``requirements/runtime.txt``, licences from the installed packages, and the libraries
inside of wheels from ``THIRD_PARTY.md``.  The same files give the same bytes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
IN_PLACE_OF = {"opencv-python": "opencv-python-headless"}
_LICENCES = LicenseFactory()
_REPRODUCIBLE = datetime(
    2020, 2, 2, tzinfo=UTC
)  # the date that hatchling gives the files of a wheel


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock file."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def applies(self) -> bool:
        """Whether it is installed on this system."""
        return not self.marker or Requirement(f"x ; {self.marker}").marker.evaluate()


@dataclass(frozen=True, slots=True)
class Library:
    """A library inside of a wheel."""

    wheel: str
    name: str
    version: str
    licence: str


def read_lock(name: str) -> list[Locked]:
    """Packages of ``requirements/<name>.txt``."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entry = re.compile(
        r"^([a-z0-9-]+)==([^ ;]+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
        re.M,
    )
    return [
        Locked(name, version, marker, tuple(re.findall(r"sha256:(\w+)", hashes)))
        for name, version, marker, hashes in entry.findall(text)
    ]


def table(heading: str) -> Iterator[list[str]]:
    """Rows of the table under a heading of ``THIRD_PARTY.md``."""
    section = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    for line in section.split("\n## ")[0].splitlines():
        if line.startswith("| ") and not line.startswith(("| package ", "| wheel ")):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def listed_libraries() -> set[Library]:
    """Libraries inside of wheels, as ``THIRD_PARTY.md`` lists them."""
    return {
        Library(wheel, *library.partition(" ")[::2], licence)
        for wheel, libraries, licence in table("Libraries inside wheels")
        for library in libraries.split(", ")
    }


def licence(name: str) -> str:
    """Licence of an installed package: as ``THIRD_PARTY.md`` has it, else as its metadata says.

    There the expression counts, else the classifiers, else the first line of the text.
    """
    if name in (listed := dict(table("Packages that are not simply permissive"))):
        return listed[name].replace("*", "")
    about = metadata.metadata(name)
    if expression := about.get("License-Expression"):
        return expression
    named = [
        c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if "License ::" in c
    ]
    return " and ".join(named) or about.get("License", "").strip().partition("\n")[0]


def bill_of_materials() -> Bom:
    """What the lock file installs, with facesort as its root."""
    root = Component(
        name="facesort",
        version=metadata.version("facesort"),
        type=ComponentType.APPLICATION,
        bom_ref="facesort",
        licenses=[_LICENCES.make_with_id("MIT")],
    )
    inside = listed_libraries()
    components = {
        locked.name: _component(locked, [each for each in inside if each.wheel == locked.name])
        for locked in read_lock("runtime")
    }
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    bom = Bom(components=components.values(), serial_number=uuid5(NAMESPACE_URL, lock))
    bom.metadata.component, bom.metadata.timestamp = root, _REPRODUCIBLE
    for name, component in [("facesort", root), *components.items()]:
        bom.register_dependency(
            component, [components[n] for n in _needs(name) & components.keys()]
        )
    return bom


def _component(locked: Locked, libraries: list[Library]) -> Component:
    """A package, with its licence if it is installed here, and the libraries inside of its wheel."""
    purl = str(PackageURL("pypi", name=locked.name, version=locked.version))
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl),
        comment="the files of this release that the lock file admits",
        hashes=[HashTypeFactory().from_composite_str(f"sha256:{each}") for each in locked.hashes],
    )
    marker = [Property(name="facesort:marker", value=locked.marker)] if locked.marker else []
    licences = [_LICENCES.make_from_string(licence(locked.name))] if locked.applies else []
    return Component(
        name=locked.name,
        version=locked.version,
        purl=PackageURL.from_string(purl),
        bom_ref=purl,
        licenses=licences,
        properties=marker,
        external_references=[files],
        components=[
            Component(
                name=library.name,
                version=library.version or None,
                bom_ref=f"{purl}#{library.name}",
                licenses=[_LICENCES.make_with_name(library.licence)],
            )
            for library in libraries
        ],
    )


def _needs(name: str) -> set[str]:
    """Names of the packages that an installed package asks for here; empty if it is not installed."""
    try:
        stated = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return set()
    wanted = [Requirement(each) for each in stated]
    names = {
        canonicalize_name(each.name)
        for each in wanted
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    return {IN_PLACE_OF.get(each, each) for each in names}


def bill_text() -> str:
    """The bill of materials as CycloneDX 1.6, JSON."""
    return JsonV1Dot6(bill_of_materials()).output_as_string(indent=1) + "\n"


def main(folder: Path) -> None:
    """Write ``facesort-<version>.cdx.json`` into a folder, if it is valid."""
    text = bill_text()
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the bill of materials is not valid CycloneDX 1.6: {error}")
    folder.mkdir(exist_ok=True)
    path = folder / f"facesort-{metadata.version('facesort')}.cdx.json"
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Wrote {path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
