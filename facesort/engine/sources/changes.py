"""Add and remove sources, set their clocks, and write down where they are now."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facesort.core.sources.recognition import Marker, recognise, recognise_elsewhere
from facesort.engine.sources.folder import SourceFolder
from facesort.engine.sources.locate import Located, free_name, locate
from facesort.errors import SettingsError
from facesort.settings import change_sources, checked_name, load_settings, parse_settings
from facesort.store import Store
from facesort.store.job import sources
from facesort.store.queries.sources import marker_of, names_ever, source_records
from facesort.workspace import Workspace, lies_in, refuse_nested

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a folder that was to be added.

    Parameters
    ----------
    name : str
        Of the source that it is.
    was_at : Path or None
        Where this source was before; None: it is a new source.
    """

    name: str
    was_at: Path | None = None


def find_sources(workspace: Workspace, store: Store) -> Located:
    """Find the sources at the start of a sort, and write down which of them moved; the sorting lock is held.

    Raises
    ------
    SourceGoneError
        As `locate`.
    """
    with store.transaction():
        sources.settle(store, workspace.settings.sources)
    located = locate(workspace, store)
    for name, root in located.there.items():
        was_at = workspace.settings.sources[name]
        if root.path != was_at:
            change_sources(workspace.root / "facesort.toml", {name: root.path})
            log.warning("source %s is at %s now (it was at %s)", name, root.path, was_at)
    for why in located.away.values():
        log.warning("%s; its photos stay counted", why)
    return located


def add_source(workspace: Workspace, folder: Path, name: str | None = None) -> Added:
    """Add a folder as a source, or take it as the new place of the source that it is.

    Parameters
    ----------
    folder : Path
        Absolute.
    name : str, optional
        Default: ``card-2``, ``card-3`` ...

    Raises
    ------
    SettingsError
        If it is no folder, is a source already, or lies inside another folder of the workspace, or the name is taken.
    WorkspaceBusyError
        While a sort is running.
    """
    if not os.path.isdir(folder):
        raise SettingsError(f"{folder} is not a folder: check its name, or plug in the disk")
    if name is not None:
        try:
            checked_name(name)
        except ValueError as error:
            raise SettingsError(f"--name: {error}") from None
    with workspace.sorting_lock(), workspace.open_store() as store:
        places = _places(workspace)
        new = name or free_name({*places, *names_ever(store)})
        known = _known_as(workspace, store, folder, places)
        if known is not None:
            _refuse(workspace, places | {known: folder})
            change_sources(workspace.root / "facesort.toml", {known: folder})
            return Added(known, was_at=places[known])
        if new in places:
            raise SettingsError(
                f"there is a source {new} already, at {places[new]}: give another name with --name"
            )
        _refuse(workspace, places | {new: folder})
        with store.transaction():
            sources.add_sources(store, [new])
        change_sources(workspace.root / "facesort.toml", {new: folder})
        return Added(new)


def _known_as(
    workspace: Workspace, store: Store, folder: Path, places: Mapping[str, Path]
) -> str | None:
    """The source whose photos a folder holds, if it is nowhere else; None if it is a new one, or a copy.

    Raises
    ------
    SettingsError
        If it is the folder of a source that is there, or lies inside one or around one.
    """
    limits = workspace.settings.photos
    found = SourceFolder(folder, limits)
    known = None
    for name, place in places.items():
        marker = marker_of(store, name)
        is_there = _is_there(marker, SourceFolder(place, limits))
        inside, around = lies_in(folder, place), lies_in(place, folder)
        if inside and around:
            if is_there:
                raise SettingsError(f"{folder} is the source {name} already")
        elif (inside or around) and is_there:
            raise SettingsError(
                f"{folder} lies {'inside' if inside else 'around'} the source {name} ({place}): sources must be "
                "separate folders"
            )
        elif not is_there and recognise_elsewhere(marker, found).is_certain:
            known = known or name
    return known


def sources_there(workspace: Workspace, store: Store) -> dict[str, bool]:
    """Whether the folder of each source holds it now; another card may be at its mount point, or none."""
    limits = workspace.settings.photos
    return {
        name: os.path.isdir(place)
        and _is_there(marker_of(store, name), SourceFolder(place, limits))
        for name, place in workspace.settings.sources.items()
    }


def _is_there(marker: Marker, folder: SourceFolder) -> bool:
    return not marker.files or recognise(marker, folder).is_certain


def remove_source(workspace: Workspace, name: str) -> int:
    """Take a source out of the workspace: its files stop counting, and the copies in the output stay.

    Returns
    -------
    int
        Number of files that counted until now.

    Raises
    ------
    SettingsError
        If there is no such source, or no other.
    WorkspaceBusyError
        While a sort is running.
    """
    with workspace.sorting_lock(), workspace.open_store() as store:
        places = _places(workspace)
        _refuse_unknown(name, places)
        if len(places) == 1:
            raise SettingsError(
                f"{name} is the only source: add another one first, with `facesort source add DIR`"
            )
        files = marker_of(store, name).files
        with store.transaction():
            sources.remove_source(store, name)
        change_sources(workspace.root / "facesort.toml", {name: None})
        return files


def set_clock(workspace: Workspace, name: str, seconds: int, camera: str = "") -> None:
    """Set what is added to the times that a camera wrote.

    Parameters
    ----------
    camera : str
        As its photos say; empty: every camera of the source that has no offset of its own.

    Raises
    ------
    SettingsError
        If there is no such source, or none of its photos is from this camera.
    WorkspaceBusyError
        While a sort is running.
    """
    with workspace.sorting_lock(), workspace.open_store() as store:
        _refuse_unknown(name, _places(workspace))
        with store.transaction():
            sources.add_sources(store, [name])
            cameras = source_records(store)[name].cameras
            if camera and camera not in cameras:
                raise SettingsError(
                    f"no photo of {name} is from {camera!r}: its cameras are {', '.join(cameras) or 'not known yet'}"
                )
            sources.set_clock(store, name, camera, seconds)


def _places(workspace: Workspace) -> dict[str, Path]:
    """The sources as they stand in the file now."""
    return load_settings(workspace.root / "facesort.toml").sources


def _refuse(workspace: Workspace, places: Mapping[str, Path]) -> None:
    """Refuse names that no source can have, and folders inside each other."""
    values = workspace.settings.model_dump() | {"sources": places}
    refuse_nested(workspace.root, parse_settings(values, "`facesort source add`"))


def _refuse_unknown(name: str, places: Mapping[str, Path]) -> None:
    if name not in places:
        raise SettingsError(f"there is no source {name}: the sources are {', '.join(places)}")
