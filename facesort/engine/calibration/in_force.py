"""The calibration in a workspace's settings: stores it, and checks whether it is out of date."""

from __future__ import annotations

from facesort.core.calibration import Basis, Calibration, gallery_fingerprint
from facesort.core.persons.matching import Thresholds
from facesort.engine.rules import rules_of
from facesort.errors import StoreError
from facesort.faces.protocol import ModelPack
from facesort.settings import (
    CalibrationSettings,
    Settings,
    load_settings,
    parse_settings,
    save_settings,
)
from facesort.store import Store
from facesort.store.queries.gallery import load_gallery
from facesort.store.queries.reports import run_records
from facesort.workspace import Workspace

_TOO_FEW_PEOPLE = {
    Basis.RECOMMENDED: "which the model pack recommends",
    Basis.LOWERED: "which is below every error that was seen",
}


def apply_calibration(
    workspace: Workspace, calibration: Calibration, thresholds: Thresholds | None = None
) -> Settings:
    """Store a calibration's thresholds for the next sorts of a workspace.

    They are written to ``facesort.toml`` as ``matching.strict`` and ``matching.loose``, and their origin under
    ``[calibration]``.  A LOOSE that nothing measured is left out (`Calibration.loose_to_store`).  Other settings are
    kept as they are in the file.

    Parameters
    ----------
    thresholds : Thresholds, optional
        Default: the suggested ones.  Others are recorded as chosen by hand; the margin stays as it is.

    Returns
    -------
    Settings
        The saved settings.

    Raises
    ------
    SettingsError
        If the settings in the file are invalid, or STRICT is above LOOSE.
    """
    chosen = thresholds or calibration.thresholds
    suggested = calibration.thresholds
    record = CalibrationSettings(
        id=calibration.calibration_id,
        date=calibration.date,
        pack_id=calibration.pack_id,
        gallery=calibration.gallery,
        persons=calibration.counts.persons,
        data=_data(calibration, chosen),
        strict=chosen.strict,
        loose=calibration.loose_to_store(chosen),
        by_hand=(chosen.strict, chosen.loose) != (suggested.strict, suggested.loose),
        margin=suggested.margin,
    )
    return _store(workspace, record.strict, record.loose, record)


def take_back(workspace: Workspace, before: Settings) -> Settings:
    """Store the thresholds and the calibration of earlier settings again; other settings are kept as they are.

    Returns
    -------
    Settings
        The saved settings.

    Raises
    ------
    SettingsError
        As `apply_calibration`.
    """
    matching = before.matching
    return _store(workspace, matching.strict, matching.loose, before.calibration)


def _store(
    workspace: Workspace,
    strict: float | None,
    loose: float | None,
    record: CalibrationSettings | None,
) -> Settings:
    path = workspace.root / "facesort.toml"
    values = load_settings(path).model_dump()
    values["matching"] |= {"strict": strict, "loose": loose}
    values["calibration"] = record and record.model_dump()
    settings = parse_settings(values, "the calibration")
    save_settings(settings, path)
    return settings


def changes_since(
    workspace: Workspace, pack: ModelPack, store: Store | StoreError
) -> tuple[str, ...]:
    """List in words why the calibration in the workspace's settings is out of date.

    Parameters
    ----------
    pack : ModelPack
        The pack that a sort would use now.
    store : Store or StoreError
        Of the workspace; or why it cannot be opened, which does not hide other reasons.

    Returns
    -------
    tuple of str
        Empty if nothing has changed or there is no calibration.

    Raises
    ------
    StoreError
        If the database cannot be read.
    """
    calibration = workspace.settings.calibration
    if calibration is None:
        return ()
    if calibration.pack_id != pack.pack_id:
        return (f"it was made with another model pack ({calibration.pack_id[:12]})",)
    if isinstance(store, StoreError):
        return (f"it is not known whether the gallery has changed since ({store})",)
    gallery = load_gallery(store, pack.pack_id, max_learned=0)
    changes = []
    if calibration.gallery != gallery_fingerprint(gallery):
        changes.append(
            f"the gallery has changed since ({calibration.persons:,} persons then, {len(gallery.person_ids):,} now)"
        )
    then, now = calibration.margin, workspace.settings.matching.margin
    if then not in (None, now):
        changes.append(
            f"wrong learning was counted with a margin of {then} to the runner-up, which is {now} now"
        )
    return tuple(changes)


def moved_since(workspace: Workspace, pack: ModelPack, store: Store) -> tuple[str, ...]:
    """List in words which thresholds the pack gives that differ from the last sort's with it.

    A workspace without thresholds of its own takes the pack's, which `packs measure` and a new facesort change.  A
    LOOSE that the last sort's groups found is the event's, and not compared.

    Raises
    ------
    StoreError
        If the database cannot be read.
    """
    matching, now = workspace.settings.matching, rules_of(workspace.settings, pack).thresholds
    runs = [run for run in run_records(store) if run.pack_id == pack.pack_id]
    if not runs:
        return ()
    then = runs[-1].settings["matching"]
    sides = [("strict", matching.strict, now.strict)]
    # A LOOSE that groups found is the event's, which says nothing about the pack's.
    if "groups" not in runs[-1].settings:
        sides.append(("loose", matching.loose, now.loose))
    return tuple(
        f"{name.upper()} {then[name]:.2f} -> {value:.2f}"
        for name, own, value in sides
        if own is None and then[name] != value
    )


def _data(calibration: Calibration, chosen: Thresholds) -> str:
    """Describe the data, and which suggested thresholds are not based on it."""
    words = calibration.counts.words
    suggestion = calibration.suggestion
    sides = (
        ("STRICT", chosen.strict, suggestion.strict),
        ("LOOSE", chosen.loose, suggestion.loose),
    )
    for name, threshold, suggested in sides:
        if threshold == suggested.threshold and suggested.basis in _TOO_FEW_PEOPLE:
            words += f"; too few people for {name}, {_TOO_FEW_PEOPLE[suggested.basis]}"
    return words
