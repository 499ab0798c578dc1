"""``facesort.toml``: read, and written with the comments that are in it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facesort.errors import SettingsError, because
from facesort.files import NotOursError, read_own, replace_file
from facesort.settings.validation import parse_settings
from facesort.settings.values import FIRST_SOURCE, Settings

if TYPE_CHECKING:
    import tomlkit

_SIZE_LIMIT = (
    1 << 15
)  # bytes of facesort.toml; ours has one thousand, and long keys take time squared


def load_settings(path: Path) -> Settings:
    """Read ``facesort.toml``.

    Raises
    ------
    SettingsError
        If the file is missing, not TOML, or holds an unknown key or a value out of range.
    """
    try:
        text = read_own(path, below=path.parent, limit=_SIZE_LIMIT).decode("utf-8-sig")
        values = tomllib.loads(text)  # editors on Windows add a byte order mark
    except FileNotFoundError as error:
        raise SettingsError(f"{path} is missing; `facesort init` makes a workspace") from error
    except NotOursError as error:
        raise SettingsError(
            f"{path} cannot be read: it {error.strerror}; put a settings file there, as `facesort init` writes it"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read {because(error)}, and run the command again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    if "source" in values and "sources" not in values:  # as facesort 0.5 and older wrote it
        values["sources"] = {FIRST_SOURCE: values.pop("source")}
    settings = parse_settings(values, str(path))
    # A relative path in the file is relative to the file, not to the current folder.
    folder = path.absolute().parent
    places = {
        "sources": {name: folder / place for name, place in settings.sources.items()},
        "output": folder / settings.output,
    }
    if (certificates := settings.run.cluster_certificates) is not None:
        run = settings.run.model_copy(update={"cluster_certificates": folder / certificates})
        places |= {"run": run}
    return settings.model_copy(update=places)


def save_settings(settings: Settings, path: Path) -> None:
    """Write ``facesort.toml``, keeping the comments of a file that is there.

    Raises
    ------
    SettingsError
        If the disk is full or fails; the file is unchanged.
    """
    values = settings.model_dump(mode="json", exclude_none=True)
    _edit(path, lambda document: _update(document, values))


def change_sources(path: Path, changes: Mapping[str, Path | None]) -> None:
    """Write the places of some sources into ``facesort.toml``, and nothing else.

    Parameters
    ----------
    changes : mapping of str to Path or None
        By name; None removes the source.

    Raises
    ------
    SettingsError
        If the file cannot be read or written; it is unchanged.
    """

    def change(document: tomlkit.TOMLDocument) -> None:
        left = dict(document.get("sources", {})) | {
            name: str(place) for name, place in changes.items() if place is not None
        }
        removed = {name for name, place in changes.items() if place is None}
        values = {name: place for name, place in left.items() if name not in removed}
        _update(document, {**document, "sources": values})

    _edit(path, change)


def _edit(path: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Change the document that is there, or a new one."""
    import tomlkit  # only to write

    try:
        try:
            text = read_own(path, below=path.parent, limit=_SIZE_LIMIT).decode("utf-8-sig")
            document = tomlkit.parse(text)
        except FileNotFoundError:
            document = tomlkit.document()
        _rename_source(document)
        change(document)
        replace_file(path, tomlkit.dumps(document).encode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; it is unchanged") from error
    except OSError as error:
        place = error.filename if isinstance(error, NotOursError) else path
        raise SettingsError(
            f"{place} cannot be written {because(error)}, and run the command again; the file is unchanged"
        ) from error


def _rename_source(document: tomlkit.TOMLDocument) -> None:
    """Move the one source of an older file into the table, with the comment that is on it."""
    import tomlkit

    if "source" in document and "sources" not in document:
        table = tomlkit.table()
        table.append(FIRST_SOURCE, document.item("source"))
        document.remove("source")
        document.append("sources", table)


def _update(table: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Update a TOML table in place: replacing it would lose its comments."""
    for gone in table.keys() - values.keys():
        del table[gone]
    for key, value in values.items():
        if isinstance(value, dict) and key in table:
            _update(table[key], value)
        elif table.get(key) != value:
            table[key] = value
