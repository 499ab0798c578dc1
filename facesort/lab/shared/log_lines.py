"""What a log or a notebook prints: it names files and persons, which may hold anything."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import TextIO

from facesort.core.text.foreign_text import printable

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LogLines(logging.Formatter):
    """Formats a record so that nothing in its message can start a line of its own or control a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message on one line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:
        """The traceback, which has lines."""
        return "\n".join(map(printable, super().formatException(ei).split("\n")))


def log_lines() -> None:
    """Format what a notebook logs, where nobody has set up logging."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(LogLines())


class Echo:
    """Passes on what a notebook prints, its progress bar included, but nothing else that controls a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.flush = stream.flush

    def write(self, text: str) -> int:
        """Write it, with line feeds and carriage returns as they are."""
        return self._stream.write(re.sub(r"[^\r\n]+", lambda part: printable(part[0]), text))
