"""The log: one JSON object a line, without anything that a client sent."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from facesort.serve.watch.noted import CURRENT


class JsonLines(logging.Formatter):
    """A record as JSON, with the id of the request that it belongs to.

    Of an error only its type and the places in the code are told: its message may hold what a client sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        noted = CURRENT.get()
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        if noted is not None:
            line["request_id"] = noted.request_id
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["where"] = [
                f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        return json.dumps(line)


def log_as_json() -> None:
    """Let what is logged go to stderr as JSON; on a terminal only what somebody should look at.

    Never more than INFO, as libraries log what they are sent.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
