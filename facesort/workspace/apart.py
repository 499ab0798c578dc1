"""Source, output, workspace and runs: folders apart from each other."""

from __future__ import annotations

from pathlib import Path

from facesort.errors import (
    SettingsError,
)
from facesort.settings import Settings


def lies_in(inner: Path, outer: Path) -> bool:
    """Whether a path is another folder or lies in it, whatever path leads there.

    Names are not enough: there are links, folders that are mounted twice, and case-insensitive disks.
    """
    inner, outer = inner.resolve(), outer.resolve()
    return inner.is_relative_to(outer) or any(
        _is_same(place, outer) for place in (inner, *inner.parents)
    )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them does not exist yet


def refuse_inside(folder: Path, settings: Settings) -> None:
    """Refuse to write runs into the source or the output.

    Raises
    ------
    SettingsError
        If the folder lies inside one of them.
    """
    for name, place in (("source", settings.source), ("output", settings.output)):
        if lies_in(_resolved("runs", folder), place):
            raise SettingsError(
                f"runs would be saved in {folder}, inside the {name} {place}: give another folder with --runs"
            )


def _resolved(name: str, path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a NUL in it
        raise SettingsError(f"{name} {str(path)!r}: {error}; give another folder") from error


def refuse_nested(root: Path, settings: Settings) -> None:
    """Refuse source, output and workspace inside each other: the output would be sorted again.

    Raises
    ------
    SettingsError
        If they are.
    """
    named = {"source": settings.source, "output": settings.output, "workspace": root}
    places = {name: _resolved(name, path) for name, path in named.items()}
    for inner_name, inner in places.items():
        for outer_name, outer in places.items():
            if inner_name != outer_name and lies_in(inner, outer):
                raise SettingsError(
                    f"{inner_name} {inner} lies inside {outer_name} {outer}: source, output and workspace "
                    "must be three separate folders"
                )
