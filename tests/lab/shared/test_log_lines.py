"""What a log and a notebook print of names that hold anything."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

from nasty import NASTY

from facesort.core.text.foreign_text import printable
from facesort.lab.shared.log_lines import Echo, LogLines


def test_a_log_message_is_one_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogLines("%(levelname)s %(message)s"))
    for text in NASTY:
        handler.emit(logging.LogRecord("x", logging.WARNING, "", 0, "%s is gone", (text,), None))
    assert stream.getvalue().split("\n") == [
        *(f"WARNING {printable(t)} is gone" for t in NASTY),
        "",
    ]


def test_a_traceback_in_the_log_controls_no_terminal() -> None:
    try:
        raise ValueError("Ada\n\x1b[2Jfake\udcff")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
    shown = LogLines().format(record)
    assert shown.startswith("it failed\nTraceback")
    assert all(line == printable(line) for line in shown.split("\n"))


def test_a_notebook_that_nobody_set_up_logs_lines() -> None:
    """In a process of its own: the handler of last resort is one for all."""
    code = (
        "import logging; from facesort.lab.shared.log_lines import log_lines; log_lines(); "
        "logging.getLogger('facesort').warning('%s is gone', 'Ada\\n\\x1b[2JFake')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "Ada\\n\\x1b[2JFake is gone\n"


def test_an_echo_passes_a_progress_bar_on_and_nothing_else_that_moves_the_cursor() -> None:
    echo = Echo(stream := io.StringIO(newline=""))
    echo.write("\r 10%|█ | 1/9 [00:01]\r 20%|██| 2/9\nskipped \x1b[2J\u202e\udcff\n")
    echo.flush()
    shown = "\r 10%|█ | 1/9 [00:01]\r 20%|██| 2/9\nskipped \\x1b[2J\\u202e\\xff\n"
    assert stream.getvalue() == shown
