"""Directives that write a part of the reference from the code: settings, reasons, schema, HTTP, notebooks."""

from __future__ import annotations

import inspect
import json
import re
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import duckdb
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from pydantic import BaseModel
from sphinx.application import Sphinx

from facesort.core.text.meanings import explain
from facesort.faces.packs.files import synthetic_pack
from facesort.reasons import FaceReason, Outcome, PhotoStatus, Reason, Remark
from facesort.serve.app import create_app
from facesort.serve.service import Credentials, Service, ServiceOptions
from facesort.settings import Settings
from facesort.store import migrate

REPOSITORY = Path(__file__).resolve().parents[2]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table in Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


# Settings ------------------------------------------------------------------------------------------------------------


def explained(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring of a section says of each of its settings (numpydoc: ``a, b : type`` and lines below)."""
    doc = inspect.cleandoc(model.__doc__ or "").partition("Parameters\n----------\n")[2]
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", doc):
        names, _, text = block.partition("\n")
        words = " ".join(line.strip() for line in text.splitlines()).replace("``", "`")
        found |= dict.fromkeys((name.strip() for name in names.partition(":")[0].split(",")), words)
    return found


def kind(annotation: Any) -> str:
    """The type of a setting, in words."""
    origin, within = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f'`"{each}"`' for each in within)
    if origin in (types.UnionType,) or type(None) in within:
        return kind(next(each for each in within if each is not type(None))) + " or nothing"
    if origin is tuple:
        return f"list of {kind(within[0])}"
    if origin is dict:
        return "table of paths by name"
    if origin is not None:  # Annotated
        return kind(within[0])
    return {
        bool: "`true` or `false`",
        float: "number",
        int: "whole number",
        str: "text",
        Path: "path",
    }[annotation]


def limits(metadata: Iterable[Any]) -> str:
    """Bounds of a number, in words."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        (words[b], bound)
        for m in metadata
        for b in words
        if (bound := getattr(m, b, None)) is not None
    ]
    return ", ".join(
        f"{word} {int(bound):,}" if bound == int(bound) else f"{word} {bound:g}"
        for word, bound in found
    )


def as_toml(value: object) -> str:
    """A default as it would stand in `facesort.toml`."""
    if value is None:
        return ""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def settings() -> Iterator[str]:
    """A table for each section of `facesort.toml`, from the models that validate it."""
    top, sections = [], []
    for name, field in Settings.model_fields.items():
        model = next(
            (
                t
                for t in (field.annotation, *get_args(field.annotation))
                if inspect.isclass(t) and issubclass(t, BaseModel)
            ),
            None,
        )
        if model is None:
            top.append((name, field))
        else:
            sections.append((name, model))
    yield from _section("At the top", Settings, top)
    for name, model in sections:
        yield from _section(f"`[{name}]`", model, model.model_fields.items())


def _section(
    title: str, model: type[BaseModel], fields: Iterable[tuple[str, Any]]
) -> Iterator[str]:
    told = explained(model)
    yield from (
        f"## {title}",
        "",
        inspect.cleandoc(model.__doc__ or "").partition("\n\nParameters")[0],
        "",
    )
    yield from table(
        ("setting", "type", "default", "what it does"),
        (
            (
                code(name),
                ", ".join(filter(None, (kind(field.annotation), limits(field.metadata)))),
                "(must be given)"
                if field.is_required()
                else code(as_toml(field.default)) or "left out",
                told[name],
            )
            for name, field in fields
        ),
    )


# Reasons -------------------------------------------------------------------------------------------------------------


def comments(enumeration: type) -> dict[str, str]:
    """What stands behind the members of an enumeration as a comment, by value."""
    source = inspect.getsource(enumeration)
    return {
        m[1]: (m[2] or "").strip()
        for m in re.finditer(r'= \(?\s*"(\w+)"[^\n#]*(?:#\s*(.*))?', source)
    }


def reasons() -> Iterator[str]:
    """All codes of `facesort.reasons`."""
    for title, enumeration in (
        ("Where a photo stands", PhotoStatus),
        ("Why a photo reached no folder, a reference was refused, or a write failed", Reason),
        ("Remarks on photos that were read", Remark),
        ("What was decided about a face", Outcome),
        ("Why a face got its outcome", FaceReason),
    ):
        told = comments(enumeration)
        yield from (f"### {title}", "")
        yield from table(
            ("code", "means"),
            ((code(each.value), explain(each.value) or told[each.value]) for each in enumeration),
        )


# Schema --------------------------------------------------------------------------------------------------------------


def remarks_on_columns() -> dict[tuple[str, str], str]:
    """Comments of the migrations by table and column (empty: of the table); the newest counts."""
    found: dict[tuple[str, str], str] = {}
    for _, _, sql in migrate._steps():
        for created in re.finditer(r"CREATE TABLE (\w+?)(?:_new)? \((.*?)\n\);", sql, re.S):
            first, *lines = created[2].split("\n")
            found[created[1], ""] = first.partition("--")[2].strip()
            for line in lines:
                column, _, remark = line.partition("--")
                if words := column.split():
                    found[created[1], words[0]] = remark.strip()
        for added in re.finditer(r"ALTER TABLE (\w+) ADD COLUMN (\w+)[^;]*;[ \t]*(?:--(.*))?", sql):
            found[added[1], added[2]] = (added[3] or "").strip()
        for before, after in re.findall(r"ALTER TABLE (\w+) RENAME TO (\w+);", sql):
            if before != f"{after}_new":
                found |= {(after, c): words for (of, c), words in found.items() if of == before}
    return found


def schema() -> Iterator[str]:
    """Each table of the newest schema, with its columns, in the order of the alphabet."""
    told = remarks_on_columns()
    with duckdb.connect() as connection:
        migrate.migrate(connection, read_only=False)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE table_name IN (SELECT table_name FROM duckdb_tables() WHERE NOT internal) AND NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    for name in dict.fromkeys(row[0] for row in rows):
        yield from (f"### `{name}`", "", f"{told.get((name, ''), '')}", "")
        yield from table(
            ("column", "type", "what it is"),
            (
                (
                    code(column),
                    type_ + (", may be null" if nullable else ""),
                    told.get((name, column), ""),
                )
                for of, column, type_, nullable in rows
                if of == name
            ),
        )


# HTTP ----------------------------------------------------------------------------------------------------------------


def described() -> dict[str, Any]:
    """The OpenAPI description of the service, which nothing is started for."""
    folder = Path(tempfile.gettempdir())  # named only
    options = ServiceOptions(folder, folder, {}, folder)
    finder: Any = SimpleNamespace(pack=synthetic_pack(), backend="", dim=128)
    nothing: Any = None
    told: dict[str, Any] = create_app(
        Service(options, Credentials("", ""), nothing, finder, nothing, nothing)
    ).openapi()
    return told


def shape(of: dict[str, Any]) -> str:
    """A type of the description, in words."""
    if "$ref" in of:
        return f"`{of['$ref'].rpartition('/')[2]}`"
    if "anyOf" in of:
        return " or ".join(shape(each) for each in of["anyOf"])
    if "enum" in of:
        return ", ".join(code(each) for each in of["enum"])
    if of.get("type") == "array":
        return f"list of {shape(of.get('items', {}))}"
    bounds = [
        f"{word} {of[key]}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in of
    ]
    return ", ".join([of.get("type", "anything"), *bounds])


def http() -> Iterator[str]:
    """Each path of the service with what it takes and answers, and the shapes of what it sends."""
    told = described()
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield from (f"### {method.upper()} `{path}`", "", operation.get("description", ""), "")
            taken = [
                (
                    code(p["name"]),
                    p["in"],
                    shape(p["schema"]),
                    code(p["schema"].get("default", "")),
                    p.get("description", ""),
                )
                for p in operation.get("parameters", [])
            ]
            if body := operation.get("requestBody"):
                taken.insert(
                    0,
                    (
                        "(body)",
                        "body",
                        ", ".join(map(code, body["content"])),
                        "",
                        body.get("description", ""),
                    ),
                )
            if taken:
                yield from table(("takes", "in", "type", "default", "what it is"), taken)
            yield from table(("answers", "with", "when"), _answers(operation["responses"]))
    yield from ("## Shapes", "")
    for name, of in told["components"]["schemas"].items():
        yield from (f"### {name}", "", of.get("description", ""), "")
        if members := of.get("properties"):
            yield from table(
                ("member", "type", "what it is"),
                ((code(m), shape(s), s.get("description", "")) for m, s in members.items()),
            )
        else:
            yield from (shape(of), "")


def _answers(responses: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in responses.items():
        contents = ", ".join(
            shape(c["schema"]) for c in answer.get("content", {}).values() if c.get("schema")
        )
        yield status, contents, "" if status.startswith("2") else answer["description"]


# Notebooks -----------------------------------------------------------------------------------------------------------


def notebook(name: str) -> Iterator[str]:
    """Cells of a notebook, as they are opened: text and code, no output."""
    cells = json.loads((REPOSITORY / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))[
        "cells"
    ]
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from (re.sub(r"^#", "##", text, flags=re.M) + "\n").splitlines()
        else:
            yield from ("```python", *text.splitlines(), "```", "")


# ---------------------------------------------------------------------------------------------------------------------


class Written(Directive):
    """A directive whose content is lines of Markdown that a function writes."""

    lines: Callable[..., Iterator[str]]
    has_content = False

    def run(self) -> list[nodes.Node]:
        """Parse the lines as if they stood in the page."""
        text = StringList(list(type(self).lines(*self.arguments)), source="(generated)")
        around = nodes.Element()
        self.state.nested_parse(text, 0, around, match_titles=True)
        return list(around.children)


def _directive(write: Callable[..., Iterator[str]], arguments: int = 0) -> type[Directive]:
    return type(
        write.__name__, (Written,), {"lines": staticmethod(write), "required_arguments": arguments}
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    for write in (settings, reasons, schema, http):
        app.add_directive(f"facesort-{write.__name__}", _directive(write))
    app.add_directive("facesort-notebook", _directive(notebook, 1))
    return {"parallel_read_safe": True}
