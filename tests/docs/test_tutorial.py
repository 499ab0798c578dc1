"""The tutorial: what every command prints is what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tutorial_reader import PAGE, Reader, commands, followed, same_each_time


def test_commands_are_told_from_what_they_print() -> None:
    assert commands("$ cat <<END\n> one\n> END\none\n$ true\n") == [
        "cat <<END\n> one\n> END",
        "true",
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two minutes of CPU, on a machine that does other work too
def test_every_output_of_the_tutorial_is_what_is_printed(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n$ ") > 15

    # To write it anew: python tests/tutorial_reader.py
    assert same_each_time(followed(page, Reader(tmp_path))) == page
