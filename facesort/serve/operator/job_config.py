"""What an operator sets of a job: the folders, the model pack, and the few settings that decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from facesort.engine.rules import rules_of
from facesort.engine.setup import open_with_pack, set_up
from facesort.engine.sources.changes import add_source
from facesort.errors import FacesortError, PackError, ServiceError, SettingsError
from facesort.faces.packs.find import find_packs, resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.serve.access.errors import FieldsError
from facesort.serve.operator.packs import Packs
from facesort.serve.operator.places import Places
from facesort.settings import Settings, load_settings, override, save_settings
from facesort.workspace import is_workspace, open_workspace

_RUN = ("strict", "loose", "unknown_folder", "groups", "workers")


class JobConfig(BaseModel):
    """A job as the operator wants it; what is not given stays as it is, or as it is by default.

    Parameters
    ----------
    sources : list of str
        Folders of photos, as ``ROOT/relative/path``.  Those that are sources already stay, the others are added.
    output : str or None
        Folder for the sorted copies; of a new job only.
    pack : str or None
        Model pack by its name; of a new job only.  None: that of the service.
    strict, loose : float or None
        Thresholds on the distance to a person, 0 to 2; None: as recommended for the pack.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    sources: list[str] = Field(default_factory=list, max_length=100)
    output: str | None = None
    pack: str | None = None
    strict: float | None = Field(default=None, ge=0, le=2)
    loose: float | None = Field(default=None, ge=0, le=2)
    unknown_folder: bool = False
    groups: bool = True
    workers: int = Field(default=0, ge=0, le=256)


def read_config(places: Places, packs: Packs) -> dict[str, Any]:
    """The job as it is: ``made`` is False where there is none yet, and ``pack`` is the usual one then.

    Raises
    ------
    FacesortError
        If ``facesort.toml`` is not valid.
    """
    root, installed = places.options.workspace, packs.names()
    if not is_workspace(root):
        usual = packs.usual
        return {"made": False, "sources": [], "output": None, "pack": usual, "packs": installed}
    workspace = open_workspace(root)
    settings, pack = workspace.settings, packs.of(workspace)
    rules = rules_of(settings, pack)
    return {
        "made": True,
        "sources": [
            {"name": name, "folder": places.name_of(place)}
            for name, place in settings.sources.items()
        ],
        "output": places.name_of(settings.output),
        "pack": pack.name,
        "packs": installed,
        "strict": settings.matching.strict,
        "loose": settings.matching.loose,
        "in_force": {"strict": rules.thresholds.strict, "loose": rules.thresholds.loose},
        "unknown_folder": settings.run.unknown_folder,
        "groups": settings.matching.groups,
        "workers": settings.run.workers,
    }


def write_config(places: Places, packs: Packs, wanted: JobConfig) -> None:
    """Make the workspace, or change it.

    Raises
    ------
    FieldsError
        With a sentence for each field that cannot be as asked; nothing was changed, but sources before it are added.
    FacesortError
        If the workspace cannot be used.
    """
    found, wrong = _folders(places, wanted)
    if wrong:
        raise FieldsError(wrong)
    if is_workspace(places.options.workspace):
        _change(places, wanted, found)
    else:
        chosen = wanted.model_copy(update={"pack": wanted.pack or packs.usual})
        _make(places, packs.roots, chosen, found)


def _folders(places: Places, wanted: JobConfig) -> tuple[dict[str, list[Path]], dict[str, str]]:
    """The folders that a job names, by field; and what is wrong with them."""
    found: dict[str, list[Path]] = {"sources": [], "output": []}
    wrong = {}
    for field, texts in (("sources", wanted.sources), ("output", [wanted.output or ""])):
        for text in filter(str.strip, texts):
            try:
                found[field].append(places.path_of(text))
            except ServiceError as error:
                wrong[field] = str(error)
    return found, wrong


def _make(
    places: Places, packs: Sequence[Path], wanted: JobConfig, found: Mapping[str, list[Path]]
) -> None:
    wrong = {
        field: sentence
        for field, sentence in (
            ("sources", "choose at least one folder of photos"),
            ("output", "choose a folder for the sorted copies"),
        )
        if not found[field]
    }
    if wrong:
        raise FieldsError(wrong)
    try:
        pack = resolve_pack(_installed(wanted.pack, packs), packs)
    except PackError as error:
        raise FieldsError({"pack": places.said(error)}) from error
    _settings_of(places, _for_check(pack, found), pack, wanted)
    try:
        workspace, _ = set_up(
            places.options.workspace, found["sources"], found["output"][0], str(pack.name), packs
        )
    except SettingsError as error:
        raise FieldsError({"sources": places.said(error)}) from error
    _save(places, workspace.settings, pack, wanted)


def _installed(name: str | None, packs: Sequence[Path]) -> str | None:
    """A pack by its name, never by a path.  `PackError` if there is none of that name."""
    names = [pack.name for pack in find_packs(packs)]
    if name and name not in names:
        raise PackError(f"there is no such model pack here; there are {', '.join(names)}")
    return name or None


def _for_check(pack: ModelPack, found: Mapping[str, list[Path]]) -> Settings:
    return Settings(sources={"new": found["sources"][0]}, output=found["output"][0], pack=pack.name)


def _change(places: Places, wanted: JobConfig, found: Mapping[str, list[Path]]) -> None:
    workspace, pack = open_with_pack(places.options.workspace)
    settings, wrong = workspace.settings, {}
    if found["output"] and found["output"][0].resolve() != settings.output.resolve():
        wrong["output"] = (
            "the output of a job stays where its copies are; where it was moved, `facesort verify --accept-output` "
            "takes its new place"
        )
    if wanted.pack and wanted.pack != pack.name:
        wrong["pack"] = (
            "the references are of another model pack: change it in facesort.toml, then run `facesort seed --reembed`"
        )
    if wrong:
        raise FieldsError(wrong)
    _settings_of(places, settings, pack, wanted)
    known = {place.resolve() for place in settings.sources.values()}
    for place in found["sources"]:
        if place.resolve() not in known:
            try:
                add_source(workspace, place)
            except SettingsError as error:
                raise FieldsError({"sources": places.said(error)}) from error
    _save(places, load_settings(workspace.root / "facesort.toml"), pack, wanted)


def _save(places: Places, settings: Settings, pack: ModelPack, wanted: JobConfig) -> None:
    changed = _settings_of(places, settings, pack, wanted)
    if changed != settings:
        save_settings(changed, places.options.workspace / "facesort.toml")


def _settings_of(
    places: Places, settings: Settings, pack: ModelPack, wanted: JobConfig
) -> Settings:
    """Settings with those that are wanted.  `FieldsError` if a threshold does not fit the other."""
    given = {name: getattr(wanted, name) for name in _RUN if name in wanted.model_fields_set}
    try:
        changed = override(settings, given)
        rules_of(changed, pack)
    except FacesortError as error:
        sentence = str(error).rpartition("Value error, ")[2]
        raise FieldsError({"strict": places.said(sentence)}) from error
    return changed
