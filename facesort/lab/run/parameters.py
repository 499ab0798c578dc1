"""A notebook's parameters: what ``-p NAME VALUE`` says, and whether it can be meant, before anything is started."""

from __future__ import annotations

import ast
import difflib
import json
import math
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

import nbformat
from pydantic import Field, TypeAdapter, ValidationError

from facesort.errors import NotebookError
from facesort.lab.shared.notebooks import MAX_FACES, MAX_MINIMUM, notebook_path
from facesort.settings import Distance, RunSettings

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_EXPECTED = {
    "float": "a number (for example 0.9, with a point)",
    "int": "a whole number (for example 24)",
    "bool": "true or false",
    "str": "a text (for example 2024 in double quotes: '\"2024\"')",
    "None": "none",
}
_TYPES = {
    "float": (int, float),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
_LARGEST = 2**63 - 1
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 40

_Rate = Annotated[float, Field(gt=0, lt=1)]
_Count = Annotated[int, Field(ge=0)]
# In facesort's own notebooks a name means the same everywhere.
_RULES: dict[str, Any] = {
    "workers": Annotated[int, *RunSettings.model_fields["workers"].metadata],
    "strict": Distance,
    "loose": Distance,
    "margin": Distance,
    "fpir": _Rate,
    "wrong_learning": _Rate,
    "sample": _Count,
    "seed": _Count,
    "before": _Count,
    "after": _Count,
    "minimum": Annotated[int, Field(ge=0, le=MAX_MINIMUM)],
    "contact_sheet": Annotated[int, Field(ge=0, le=MAX_FACES)],
}


def parse_parameters(pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Turn ``-p NAME VALUE`` into values.

    Parameters
    ----------
    pairs : sequence of (name, value)
        If a name occurs twice, the last one wins.

    Returns
    -------
    dict
        Finite numbers, ``true``, ``false`` and ``none`` (in any case) become those values; a text in double quotes
        loses the quotes; everything else stays text.
    """
    return {name: _value(text) for name, text in pairs}


def _value(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return int(text)
    except ValueError:  # also if it has more than 4300 digits
        pass
    try:
        number = float(text)
    except ValueError:
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return number if math.isfinite(number) else text


def check_parameters(notebook: str | Path, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Refuse what a notebook cannot use.

    Parameters
    ----------
    notebook : str or Path
        The name of one of facesort's notebooks, whose parameters also have ranges, or the path of any notebook.
    parameters : mapping of str to plain values
        A parameter may be what its annotation says in the cell tagged ``parameters``, or else of its default's type.

    Returns
    -------
    dict
        The same values, with paths as text.

    Raises
    ------
    NotebookError
        If there is no such notebook, parameter, or value; the message says what is expected.
    """
    own = not isinstance(notebook, Path)
    path = notebook_path(notebook) if isinstance(notebook, str) else notebook
    known = _parameter_types(path)
    for name in parameters:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NotebookError(
                f"{path.name} has no parameter {name!r}.{hint} It has: {', '.join(known) or 'none'}"
            )
    plain = _as_json(parameters)
    for name, value in plain.items():
        _check_type(name, value, known[name])
        if own:
            _check_range(name, value)
    strict, loose = plain.get("strict"), plain.get("loose")
    if own and strict is not None and loose is not None and strict > loose:
        raise NotebookError(f"parameter strict ({strict}) must not be above loose ({loose})")
    return plain


def _check_type(name: str, value: object, kinds: Sequence[str]) -> None:
    fits = not kinds or any(
        isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))
        for kind in kinds
    )
    if fits and not (isinstance(value, int) and abs(value) > _LARGEST):
        return
    expected = " or ".join(_EXPECTED[kind] for kind in kinds) or "a smaller number"
    raise NotebookError(f"parameter {name} must be {expected}, not {_shown(value)}")


def _check_range(name: str, value: object) -> None:
    if name not in _RULES or value is None:
        return
    try:
        TypeAdapter(_RULES[name]).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].replace("Input", "it", 1)
        raise NotebookError(f"parameter {name} cannot be {_shown(value)}: {problem}") from error


def _shown(value: object) -> str:
    """A value as the user wrote it, but no longer than a line."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number of more than 18 digits"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return _SHORT.repr(value)


def _as_json(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Allow JSON types, and paths as text: papermill would paste anything else into the code unescaped."""
    plain = {name: str(v) if isinstance(v, PurePath) else v for name, v in parameters.items()}
    try:
        text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
        return dict(json.loads(text.encode("utf-8")))  # a notebook cannot hold what is not UTF-8
    except (TypeError, ValueError) as error:
        raise NotebookError(
            f"parameters must be numbers, texts or lists of them: {error}"
        ) from error


def _parameter_types(path: Path) -> dict[str, list[str]]:
    """What the cell tagged ``parameters`` assigns: for each name the types it may have; an empty list: any.

    Read from the syntax tree: papermill's parser silently drops a line with a second equals sign in a comment or a
    text.
    """
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, nbformat.validator.NotebookValidationError) as error:
        raise NotebookError(f"{path} cannot be read as a notebook: {error}") from error
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise NotebookError(
            f"{path.name} must have one cell tagged 'parameters', but has {len(tagged)}: its parameters cannot be set"
        )
    try:
        statements = ast.parse(tagged[0].source).body
    except SyntaxError as error:
        raise NotebookError(f"{path.name}: the parameters cell is not Python: {error}") from error
    found: dict[str, list[str]] = {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets, kinds = statement.targets, _kinds(None, statement.value)
        elif isinstance(statement, ast.AnnAssign):
            targets, kinds = [statement.target], _kinds(statement.annotation, statement.value)
        else:
            continue
        found |= {target.id: kinds for target in targets if isinstance(target, ast.Name)}
    return found


def _kinds(annotation: ast.expr | None, default: ast.expr | None) -> list[str]:
    """The types of a parameter; ``x: float = None`` may also be None, and ``x = None`` anything."""
    is_none = isinstance(default, ast.Constant) and default.value is None
    if annotation is not None:
        kinds = [*ast.unparse(annotation).split(" | "), *(["None"] if is_none else [])]
    elif isinstance(default, ast.Constant):
        kinds = [] if is_none else [type(default.value).__name__]
    else:
        kinds = []
    return list(dict.fromkeys(kinds)) if set(kinds) <= _TYPES.keys() else []
