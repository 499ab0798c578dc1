"""Figures that pages state come from files: `run_benchmark` writes one, `render` puts it into pages, `check` compares.

    python benchmarks/near_duplicates.py --photos ../shared/photos --record    # writes near_duplicates.json

    python benchmarks/figures.py render            # pages get the figures of the files
    python benchmarks/figures.py check             # what is stated otherwise, by nobody, or is older than the code
    python benchmarks/figures.py same NAME WHY     # the code changed since, and that cannot have changed the figure
    python benchmarks/figures.py older NAME WHY    # it may have: pages say that the figure is older than the code

A file ``benchmarks/figures/NAME.json`` has `values`, which pages state in a line, `tables`, how it was measured (date,
commit, command, machine, load), and what it `covers`: the files whose code it measured, with a fingerprint of each. A
page has ``<!--=NAME.key-->12 ms<!--/-->`` in a line, ``<!--=cell NAME.table; row; column-->12<!--/-->`` for what
stands in a table, and ``<!--=table NAME.table-->`` and ``<!--/-->`` around all of it.

What `check` cannot see: a figure without a unit, one in words ("twice as fast"), and code that is not in `covers`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import psutil

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "benchmarks/README.md", "docs/**/*.md")
LIBRARIES = "duckdb numpy onnxruntime opencv-python-headless opencv-python scipy simplejpeg".split()

# What many benchmarks measure.
ANALYSIS = [
    "facesort/engine/analysis/analyse.py",
    "facesort/faces/analysis.py",
    "facesort/faces/engines",
    "facesort/images/jpeg",
]
MATCHING = [
    *("facesort/core/persons/matching.py", "facesort/core/persons/gallery.py"),
    *("facesort/core/sources/recognition.py", "facesort/core/persons/assignment.py"),
]
GROUPS = ["facesort/core/groups"]

_MARKED = re.compile(r"<!--=(?P<what>[^>]*?)-->(?P<text>.*?)<!--/-->", re.DOTALL)
_CODE = re.compile(
    r"^(`{3,}|~{3,}).*?^\1[ \t]*$|`+[^`\n]+`+|\]\([^)\n]*\)|<!--.*?-->", re.DOTALL | re.MULTILINE
)
_UNITS = (
    r"ms|s|min|h|kB|MB|GB|%|seconds?|minutes?|hours?|times (?:as|faster)|"
    r"(?:photos|images|faces)(?:/s| per second| a second)"
)
_STATED = re.compile(
    rf"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?: to \d[\d,.]*)?[ \u00a0]?(?:CPU )?(?:{_UNITS})(?!\w)"
)

Json = dict[str, Any]
_OF_COLUMN = re.compile(r"(?:a|per) second\b|/s\b|\b(?:ms|CPU s|kB|MB|GB|seconds)\b|%")


# Writing a file --------------------------------------------------------------------------------------------------


def record(
    name: str,
    *,
    covers: Sequence[str],
    values: Json | None = None,
    tables: Json | None = None,
    commit: str | None = None,
    root: Path = ROOT,
) -> Path:
    """Write what was measured just now.

    Parameters
    ----------
    name : str
        Of the file: ``benchmarks/figures/NAME.json``.
    covers : sequence of str
        Files and folders of the repository whose code was measured, as narrow as is true.
    values : dict, optional
        Numbers, texts, or spreads (see `spread`), also nested.
    tables : dict, optional
        By name: ``{"columns": [...], "rows": [[...], ...]}``; a cell is what a value is.
    commit : str, optional
        Of the code that was measured, if that is not what is here now.
    root : Path
        The checkout.
    """
    at = fingerprints(root, covers, commit)
    edited = bool(git(root, "status", "--porcelain", "--", *covers).strip())
    measured = {
        "recorded": "measured",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit or git(root, "rev-parse", "--short", "HEAD").strip(),
        "changed_since_commit": edited and commit is None,
        "command": command_line(sys.argv, root),
        "machine": machine(),
        "covers": at,
        "values": values or {},
        "tables": tables or {},
    }
    return write(root, name, measured)


def run_benchmark(
    main: Callable[[], object],
    covers: Sequence[str],
    *,
    name: str = "",
    commit: str | None = None,
    root: Path = ROOT,
) -> None:
    """Run a benchmark; with ``--record`` on its command line keep what it prints: its tables, and its other lines.

    Parameters
    ----------
    main : callable
        Prints tables in Markdown, and lines.
    covers : sequence of str
        As of `record`.
    name : str
        Of the file; by default that of the script.
    commit : str, optional
        Of the code that was measured, if that is not what is here now.
    root : Path
        The checkout.
    """
    if "--record" not in sys.argv:
        main()
        return
    command = list(sys.argv)
    sys.argv.remove("--record")
    printed = io.StringIO()
    with redirect_stdout(_Both(sys.stdout, printed)):
        main()
    tables, lines = tables_in(printed.getvalue())
    sys.argv = [word for word in command if word != "--record"]
    name = name or Path(command[0]).stem
    written = record(
        name, covers=covers, values={"lines": lines}, tables=tables, commit=commit, root=root
    )
    print(f"recorded in {written}", file=sys.stderr)


class _Both(io.TextIOBase):
    """What is written goes to both."""

    def __init__(self, *streams: TextIO | io.StringIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)


def tables_in(text: str) -> tuple[Json, list[str]]:
    """Tables of a text in Markdown, by their number from 1, and all its other lines."""
    tables: Json = {}
    rest: list[str] = []
    before = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            rest += [line] if line.strip() else []
        elif not before.startswith("|"):
            tables[str(len(tables) + 1)] = {"columns": cells, "rows": []}
        elif set(line) - set("|-: "):
            tables[str(len(tables))]["rows"].append(cells)
        before = line
    return tables, rest


def spread(numbers: Sequence[float], digits: int = 2) -> Json:
    """Median and range, as a page states them: ``12.3 (11.9 to 14.0)``."""
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    median = (ordered[middle] + ordered[~middle]) / 2
    found = {"median": median, "least": ordered[0], "most": ordered[-1]}
    return {key: round(number, digits) for key, number in found.items()} | {
        "digits": digits,
        "of": len(ordered),
    }


def write(root: Path, name: str, figure: Json) -> Path:
    path = root / "benchmarks" / "figures" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figure, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def machine() -> Json:
    """What the figures depend on besides the code."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": usable,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "libraries": versions,
        "load": [round(load, 1) for load in psutil.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def command_line(words: Sequence[str], root: Path) -> str:
    """The command, without paths of this machine: the last two parts say enough."""
    script = Path(words[0]).resolve()
    shown = script.relative_to(root).as_posix() if script.is_relative_to(root) else script.name
    rest = [_place(word) if os.sep in word else word for word in words[1:]]
    return f"python {shlex.join([shown, *rest])}"


def _place(word: str) -> str:
    path = Path(word)
    if not path.is_absolute() and ".." not in path.parts:
        return word
    return "/".join(["…", *path.resolve().parts[-2:]]) if path.exists() else "…"


# What a figure covers --------------------------------------------------------------------------------------------


def fingerprints(root: Path, covers: Iterable[str], commit: str | None = None) -> dict[str, str]:
    """A fingerprint of each covered file, as it is or as it was at a commit; of a folder, of each Python file in it."""
    found = {}
    for path in covers:
        for file in _files(root, path, commit):
            data = (root / file).read_bytes() if commit is None else _shown(root, commit, file)
            found[file] = fingerprint(data, file)
    return found


def _files(root: Path, path: str, commit: str | None) -> list[str]:
    if commit is not None:
        listed = git(root, "ls-tree", "-r", "--name-only", commit, "--", path).split()
    elif (root / path).is_dir():
        listed = [file.relative_to(root).as_posix() for file in (root / path).rglob("*.*")]
    else:
        listed = [path] if (root / path).is_file() else []
    if not listed:
        raise ValueError(f"a figure covers {path}, which is not there")
    return sorted(file for file in listed if file == path or file.endswith((".py", ".sql")))


def _shown(root: Path, commit: str, file: str) -> bytes:
    done = subprocess.run(
        ["git", "show", f"{commit}:{file}"], cwd=root, capture_output=True, check=True
    )
    return done.stdout


def fingerprint(data: bytes, name: str) -> str:
    """SHA-256 of what a Python file does: without comments, docstrings and empty lines; else of all bytes."""
    if name.endswith(".py"):
        data = "\n".join(_tokens(data.decode("utf-8"))).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def _tokens(text: str) -> Iterator[str]:
    """Tokens, the same in each version of Python: an f-string is one, as it was before 3.12."""
    lines = text.splitlines(keepends=True)
    starts, depth, begun, at_start = getattr(tokenize, "FSTRING_START", -1), 0, (0, 0), True
    ends = getattr(tokenize, "FSTRING_END", -1)
    held = ""  # a string that begins a statement: a docstring if nothing follows
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        word = token.string
        if token.type == starts:
            depth, begun = depth + 1, token.start if not depth else begun
            continue
        if depth:
            depth -= token.type == ends
            if depth:
                continue
            word = _between(lines, begun, token.end)
        elif token.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
            continue
        if token.type == tokenize.NEWLINE:
            if not held:
                yield ";"
            held, at_start = "", True
            continue
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            yield "<" if token.type == tokenize.INDENT else ">"
            continue
        if held:
            yield held
            held = ""
        if token.type == tokenize.STRING and at_start:
            held = word
        else:
            yield word
        at_start = False


def _between(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    picked = list(lines[start[0] - 1 : end[0]])
    picked[-1] = picked[-1][: end[1]]
    picked[0] = picked[0][start[1] :]
    return "".join(picked)


def changed(root: Path, figure: Json) -> list[str]:
    """Covered files that do something else than when the figure was measured, and were not judged to be the same."""
    judged = {path: each["fingerprint"] for path, each in figure.get("same", {}).items()}
    found = []
    for path, before in figure["covers"].items():
        file = root / path
        now = fingerprint(file.read_bytes(), path) if file.is_file() else "gone"
        if now not in (before, judged.get(path)):
            found.append(path)
    return found


def judge_same(root: Path, name: str, why: str) -> None:
    """Note that what changed in covered files since cannot have changed the figure."""
    figure = load(root, name)
    for path in changed(root, figure):
        file = root / path
        now = fingerprint(file.read_bytes(), path) if file.is_file() else "gone"
        figure.setdefault("same", {})[path] = {
            "fingerprint": now,
            "date": datetime.now(UTC).date().isoformat(),
            "why": why,
        }
    write(root, name, figure)


def judge_older(root: Path, name: str, why: str) -> None:
    """Note that the figure is older than the code; pages then say so."""
    figure = load(root, name)
    figure["older"] = {"date": datetime.now(UTC).date().isoformat(), "why": why}
    write(root, name, figure)


# Pages -----------------------------------------------------------------------------------------------------------


def load(root: Path, name: str) -> Json:
    path = root / "benchmarks" / "figures" / f"{name}.json"
    if not path.is_file():
        raise LookupError(f"there is no {path.relative_to(root)}")
    figure: Json = json.loads(path.read_text(encoding="utf-8"))
    return figure


def pages(root: Path) -> list[Path]:
    return sorted(
        {path for pattern in PAGES for path in root.glob(pattern) if "_site" not in path.parts}
    )


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a page."""

    page: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.what}"


def rendered(root: Path, what: str) -> str:
    """What stands between two markers."""
    if what.startswith("table "):
        name, _, key = what.removeprefix("table ").strip().partition(".")
        figure = load(root, name)
        return "\n" + table(_at(figure["tables"], key, what)) + "\n\n" + told(figure) + "\n"
    if what.startswith("cell "):
        address, row, column = (part.strip() for part in what.removeprefix("cell ").split(";"))
        name, _, key = address.partition(".")
        figure = load(root, name)
        return _cell_of(_at(figure["tables"], key, what), row, column, what) + _late(figure)
    address, _, form = what.strip().partition(":")
    name, _, key = address.partition(".")
    figure = load(root, name)
    if form == "how":
        return told(figure)
    return cell(_at(figure["values"], key, what), form) + _late(figure)


def _late(figure: Json) -> str:
    return "†" if "older" in figure else ""


def _cell_of(rows: Json, row: str, column: str, what: str) -> str:
    """What stands in a table: its row and column by how they begin, each the only one."""
    places = [number for number, name in enumerate(rows["columns"]) if name.startswith(column)]
    found = [each for each in rows["rows"] if str(each[0]).replace("`", "").startswith(row)]
    if len(places) != 1 or len(found) != 1:
        raise LookupError(
            f"no file has the figure {what}: rows {len(found)}, columns {len(places)}"
        )
    return cell(found[0][places[0]])


def _at(values: Any, key: str, what: str) -> Any:
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            raise LookupError(f"no file has the figure {what}")
        values = values[part]
    return values


def cell(value: Any, form: str = "") -> str:
    """A value as text: thousands by comma; a spread as median and range."""
    if isinstance(value, Mapping):
        form = form or f",.{value.get('digits', 2)}f"
        least, most = cell(value["least"], form), cell(value["most"], form)
        return f"{cell(value['median'], form)} ({least} to {most})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return format(value, form or ",")


def table(rows: Json) -> str:
    """A table in Markdown."""
    lines = [rows["columns"], ["---"] * len(rows["columns"]), *rows["rows"]]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def told(figure: Json) -> str:
    """Below each table: when, on what, by which command; and whether the code changed since."""
    day = date.fromisoformat(figure["date"])
    here = figure["machine"]
    if isinstance(here, Mapping):
        load, cores = here["load"][0], here["cores"]
        here = f"{cores} cores ({here['processor']}), Python {here['python']}, load {load:g}"
    words = [f"{day.day} {day:%B %Y}, commit {figure['commit']}, {here}", f"`{figure['command']}`"]
    if figure["recorded"] == "transcribed":
        words.append("copied from notes of that day")
    if "older" in figure:
        words.append(f"older than the code: {figure['older']['why']}")
    return "*" + "; ".join(words) + ".*"


def render(root: Path) -> list[str]:
    """Put the figures of the files into the pages; names of the pages that changed."""
    written = []
    for page in pages(root):
        before = page.read_text(encoding="utf-8")
        after = _MARKED.sub(
            lambda found: f"<!--={found['what']}-->{rendered(root, found['what'])}<!--/-->", before
        )
        if after != before:
            page.write_text(after, encoding="utf-8")
            written.append(page.relative_to(root).as_posix())
    return written


def check(root: Path) -> list[Trouble]:
    """Everything that is stated otherwise than in its file, without one, or is older than the code unsaid."""
    with (root / "benchmarks" / "not_figures.toml").open("rb") as stream:
        allowed = tomllib.load(stream)
    found: list[Trouble] = []
    cited: dict[str, tuple[str, int]] = {}
    for page in pages(root):
        name, text = page.relative_to(root).as_posix(), page.read_text(encoding="utf-8")
        for mark in _MARKED.finditer(text):
            line = text.count("\n", 0, mark.start()) + 1
            what = mark["what"]
            cited.setdefault(
                re.sub("^(table|cell) ", "", what).strip().partition(".")[0], (name, line)
            )
            if not what.startswith("table ") and text[: mark.start()][-1:] in ("", "\n"):
                found.append(Trouble(name, line, "a line that begins with a marker is no Markdown"))
            try:
                if rendered(root, what) != mark["text"]:
                    found.append(
                        Trouble(name, line, f"{what} is another in its file (`make figures`)")
                    )
            except LookupError as error:
                found.append(Trouble(name, line, str(error.args[0])))
        found += unmarked(name, text, allowed)
        if "†<!--/-->" in text and "† is older than the code" not in text:
            found.append(Trouble(name, 1, "say on the page: † is older than the code"))
    for figure, (name, line) in cited.items():
        try:
            read = load(root, figure)
        except LookupError:
            continue  # said above
        if "older" not in read and (late := changed(root, read)):
            found.append(
                Trouble(
                    name,
                    line,
                    f"{figure} was measured {read['date']}, before {', '.join(late)} changed: measure it again, or say "
                    f"`python benchmarks/figures.py same {figure} WHY`, or `older {figure} WHY`",
                )
            )
    return found


def unmarked(name: str, text: str, allowed: Json) -> Iterator[Trouble]:
    """Numbers with a unit that are not from a file, and that nobody has said to be no measurement."""
    rules = [rule for rule in allowed.get("page", []) if Path(name).match(rule["page"])]
    if any(rule.get("all") for rule in rules):
        return
    for pattern in (_MARKED, _CODE):
        text = pattern.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
    for rule in rules:
        for words in rule["texts"]:
            text = text.replace(words, "\0" * len(words))
    head: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split("|") if line.startswith("|") else []
        for cell_, column in zip(cells, head, strict=False):
            if _OF_COLUMN.search(column) and (digits := re.search(r"\d[\d,.]*", cell_)):
                yield Trouble(name, number, f"no file has the figure {digits[0]!r} of a table")
        head = head or cells if cells else []
        for stated in _STATED.finditer(line):
            yield Trouble(name, number, f"no file has the figure {stated[0]!r}")


def git(root: Path, *words: str) -> str:
    """What git answers."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked = parser.add_subparsers(dest="what", required=True)
    asked.add_parser("render")
    asked.add_parser("check")
    for word in ("same", "older"):
        one = asked.add_parser(word)
        one.add_argument("name")
        one.add_argument("why")
    given = parser.parse_args()
    if given.what == "render":
        print("\n".join(render(ROOT)))
    elif given.what == "check":
        found = check(ROOT)
        print("\n".join(map(str, found)))
        return bool(found)
    else:
        {"same": judge_same, "older": judge_older}[given.what](ROOT, given.name, given.why)
        render(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
