"""Plain values checked and turned into settings, and the settings of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from facesort.errors import SettingsError
from facesort.settings.values import Settings

_SHOWN = 20  # problems told at once


def parse_settings(values: dict[str, Any], origin: str) -> Settings:
    """Validate plain values.

    Parameters
    ----------
    values : dict
        As read from TOML.
    origin : str
        File or option that they come from, for the message.

    Raises
    ------
    SettingsError
        With one line per setting that is unknown or out of range.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = "\n".join(f"  {problem}" for problem in problems(error))
        raise SettingsError(f"{origin} is not valid:\n{lines}") from error


def problems(error: ValidationError) -> list[str]:
    """What is wrong with values that came from a file: one line each, which names the value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN]
    lines = ((".".join(str(part) for part in item["loc"]), item["msg"]) for item in found)
    return [f"{where}: {what}" if where else what for where, what in lines]


_OF_A_RUN = {
    "workers": "run",
    "unknown_folder": "run",
    "cluster": "run",
    "cluster_certificates": "run",
    "send_files": "run",
    "strict": "matching",
    "loose": "matching",
    "margin": "matching",
    "learn": "matching",
    "groups": "matching",
}


def given_for_run(parameters: Mapping[str, object]) -> dict[str, object]:
    """Leave out what is to be as in ``facesort.toml``: None, and 0 workers."""
    return {
        name: value
        for name, value in parameters.items()
        if value is not None and not (name == "workers" and value == 0)
    }


def override(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Copy of the settings with those of one run.

    Parameters
    ----------
    values : mapping
        ``workers``, ``unknown_folder``, ``strict``, ``loose``, ``margin``, ``learn``,
        ``groups``, ``cluster``, ``cluster_certificates``, ``send_files``.

    Raises
    ------
    SettingsError
        If a name or a value is not valid.
    """
    changed = settings.model_dump()
    for name, value in values.items():
        if name not in _OF_A_RUN:
            raise SettingsError(f"a sort has no setting {name!r}; it has {', '.join(_OF_A_RUN)}")
        changed[_OF_A_RUN[name]][name] = value
    return parse_settings(changed, "a parameter of this run")
