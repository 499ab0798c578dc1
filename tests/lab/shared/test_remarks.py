"""What is said beside the counts."""

from __future__ import annotations

from typing import Any

import pytest

from facesort.lab.shared.remarks import remarks, shifted_remark


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({}, []),
        ({"same_shot": 0, "absent": {"gone": 0, "replaced": 0}, "skipped": {"other": 3}}, []),
        (
            {"same_shot": 12},
            ["12 of the duplicates are the RAW of a JPEG (or another file of the same shot)"],
        ),
        (
            {"same_shot": 1},
            ["1 of the duplicates is the RAW of a JPEG (or another file of the same shot)"],
        ),
        (
            {"absent": {"gone": 3, "replaced": 1}},
            ["3 photos are gone from the sources, 1 was replaced: they are in no sum"],
        ),
        (
            {"absent": {"gone": 1, "replaced": 0}},
            ["1 photo is gone from the sources: it is in no sum"],
        ),
        ({"absent": {"gone": 0, "replaced": 2}}, ["2 photos were replaced: they are in no sum"]),
    ],
)
def test_what_the_sums_do_not_say(report: dict[str, Any], said: list[str]) -> None:
    assert remarks(report) == said


def test_links_are_said_with_what_to_do() -> None:
    outside, broken = remarks({"skipped": {"broken_link": 2, "symbolic_link": 1500, "hidden": 9}})

    assert outside.startswith("1,500 left out as symbolic_link: ")
    assert "facesort source add DIR" in outside
    assert broken.startswith("2 left out as broken_link: ")
    assert "`git annex get`" in broken


def test_a_shifted_clock_is_said() -> None:
    assert shifted_remark(0) == ""
    assert shifted_remark(40).startswith("40 files taken as unchanged")
