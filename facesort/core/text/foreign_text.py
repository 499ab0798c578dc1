"""Text that others wrote, made harmless for the place it goes to: one function for each place.

Names of persons, files and folders, EXIF, and everything in a workspace that somebody sent can hold any character.
JSON needs nothing here: its encoder escapes.  Charts draw what `printable` returns, and their style reads no formulas.
"""

from __future__ import annotations

import csv
import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from types import SimpleNamespace

from facesort.core.text.paths import from_text

# Letters and marks that are drawn as nothing; `str.isprintable` allows them.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")

# A spreadsheet takes what begins in this way for a formula, also in full width; one whose separator is the semicolon
# splits at semicolons in spite of the quotes, so that what follows one begins a cell as well.
_FORMULA = re.compile(
    r"""(?m:^|(?<=[;\t\r]))(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])|\A(?=[ "']*[\t\r\n])"""
)
_NOT_IN_XML = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = {"n": "\n", "r": "\r"}
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def printable(text: str) -> str:
    r"""One line for a terminal, a log, a label: control, format and invisible characters become escapes.

    Also lone surrogates (bytes of a file name that are not UTF-8), so that the result can be encoded.

    Examples
    --------
    >>> print(printable("Ada\n\x1b[31m\u202eFake"))
    Ada\n\x1b[31m\u202eFake
    """
    return "".join(char if _is_visible(char) else _escape(char) for char in from_text(text))


def html_text(text: object) -> str:
    """The content of an HTML element or of a quoted attribute, with line feeds as they are."""
    return html.escape("\n".join(map(printable, str(text).split("\n"))))


def markdown_text(text: object) -> str:
    """A part of a line of Markdown: all punctuation as references, which no dialect takes for markup or formulas."""
    inside = _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", printable(str(text)))
    return f'<span class="mathjax_ignore">{inside}</span>'


def xml_text(text: str) -> str:
    """The content of an XML element, before an XML library escapes its markup: nothing that XML 1.0 has no form for."""
    return _NOT_IN_XML.sub("\ufffd", text)


def vtt_text(text: str) -> str:
    """A part of a line of a WebVTT cue: no markup, and no arrow that would begin another cue."""
    return html.escape(printable(text), quote=False)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """A CSV file for spreadsheets and programs: every cell in quotes; ``'`` before what would begin a formula.

    As the OWASP recommends against CSV injection.  A program gets the text back by removing one ``'`` wherever spaces,
    quotes and one of ``= + - @`` follow it, at the beginning of a cell or after a semicolon, a tab or a line break.

    Parameters
    ----------
    rows : iterable of sequences
        The headings first; None is an empty cell.
    """
    lines: list[str] = []
    table = csv.writer(
        SimpleNamespace(write=lines.append), quoting=csv.QUOTE_ALL, lineterminator="\n"
    )
    table.writerows(
        [None if cell is None else _FORMULA.sub("'", str(cell)) for cell in row] for row in rows
    )
    return "".join(lines)


def checksum_line(sha256: str, file: str) -> str:
    """A line for ``sha256sum -c``, which marks a name with escapes by a backslash before the hash."""
    escaped = file.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == file else chr(92)}{sha256}  {escaped}\n"


def checksum_entry(line: str) -> tuple[str, str] | None:
    """Read a line of `checksum_line`: hash and file; None if it is no such line."""
    found = re.fullmatch(r"(\\?)([0-9a-f]{64})  (.+)", line)
    if found is None:
        return None
    name = found[3]
    if found[1]:
        name = re.sub(r"\\(.)", lambda pair: _ESCAPED.get(pair[1], pair[1]), name)
    return found[2], name


def _is_visible(char: str) -> bool:
    if char.isprintable():
        return char not in _INVISIBLE
    return unicodedata.category(char) == "Zs"  # spaces of other widths


def _escape(char: str) -> str:
    byte = ord(char) - 0xDC00  # a byte that is not UTF-8, as Python's `os` functions give it
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else char.encode("unicode_escape").decode()
