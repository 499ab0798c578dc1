"""Sources, output, workspace and runs: folders apart from each other."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from facesort.errors import SettingsError
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


def named_places(root: Path, settings: Settings) -> dict[str, Path]:
    """Sources, output and workspace, by what messages call them."""
    sources = {f"source {name}": place for name, place in settings.sources.items()}
    return sources | {"output": settings.output, "workspace": root}


def refuse_inside(folder: Path, settings: Settings) -> None:
    """Refuse to write runs into a source or the output.

    Raises
    ------
    SettingsError
        If the folder lies inside one of them.
    """
    runs = _resolved("runs", folder)
    places = named_places(folder, settings)
    del places["workspace"]
    for name, place in places.items():
        if lies_in(runs, place):
            raise SettingsError(
                f"runs would be saved in {folder}, inside the {name} {place}: give another folder with --runs"
            )


def _resolved(name: str, path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a NUL in it
        raise SettingsError(f"{name} {str(path)!r}: {error}; give another folder") from error


def refuse_nested(root: Path, settings: Settings) -> None:
    """Refuse sources, output and workspace inside each other: the output would be sorted again.

    Two sources may have one path: cards that take turns in one reader.

    Raises
    ------
    SettingsError
        If they are.
    """
    places = {name: _resolved(name, path) for name, path in named_places(root, settings).items()}
    for inner_name, outer_name in permutations(places, 2):
        inner, outer = places[inner_name], places[outer_name]
        take_turns = {inner_name, outer_name}.isdisjoint(("output", "workspace")) and lies_in(
            outer, inner
        )
        if lies_in(inner, outer) and not take_turns:
            raise SettingsError(
                f"{inner_name} {inner} lies inside {outer_name} {outer}: sources, output and workspace "
                "must be separate folders"
            )
