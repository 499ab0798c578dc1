"""What is said beside the counts."""

from __future__ import annotations

from typing import Any

import pytest

from facesort.core.text.meanings import explain
from facesort.lab.shared.remarks import remarks, shifted_remark
from facesort.reasons import Remark


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({}, []),
        ({"same_shot": 0, "absent": {"gone": 0, "replaced": 0}, "skipped": {"other": 3}}, []),
        (
            {"clips": {"awaits_review": 2, "left_out": 1, "left_out_movies": 3}},
            [
                "2 clips await your review: somebody in them is likely, and nobody certain; nobody gets them before "
                "you say who it is",
                "1 clip and 3 movies of Live Photos were left out: with `photos.videos = true` in facesort.toml the "
                "next sort takes them",
            ],
        ),
        (
            {"clips": {"awaits_review": 1, "left_out": 1}},
            [
                "1 clip awaits your review: somebody in it is likely, and nobody certain; nobody gets it before you "
                "say who it is",
                "1 clip was left out: with `photos.videos = true` in facesort.toml the next sort takes it",
            ],
        ),
        (
            {"clips": {"total": 3, "matched": 2, "unknown": 0, "no_face": 1, "tracks": 1}},
            ["3 of the files are clips (2 matched + 1 no_face), in which 1 face was followed"],
        ),
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
        (
            {"remarks": {"damaged": 1}},
            [
                "1 file is damaged and was sorted all the same (`photos.accept_damaged`): copy it again from the card"
            ],
        ),
        (
            {"by_group": {"faces": 12, "photos": 11}, "in_doubt": {"Ada": 12}},
            [
                "12 faces in 11 photos are named by their group only: alone they would be too far from the person "
                "(`matching.groups`)",
                "12 photos may be Ada: their group came only just near enough; confirm them in the review "
                "(`04_review`)",
            ],
        ),
        (
            {"by_group": {"faces": 1, "photos": 1}},
            [
                "1 face in 1 photo is named by its group only: alone it would be too far from the person "
                "(`matching.groups`)"
            ],
        ),
        (
            {
                "by_group": {"faces": 0, "photos": 0},
                "in_doubt": {"a": 4} | dict.fromkeys("bcdefg", 3),
            },
            [
                "4 photos may be a, 3 may be b, 3 may be c, 3 may be d, 3 may be e, 6 somebody else: their group came "
                "only just near enough; confirm them in the review (`04_review`)",
            ],
        ),
        (
            {"remarks": {"tone_mapped": 5, "pages": 2, "damaged": 3000}},
            [
                "3,000 files are damaged and were sorted all the same (`photos.accept_damaged`): "
                "copy them again from the card",
                "2 files hold further pages; only the first picture of each was read: "
                "save the others as files of their own",
                "5 HDR photos were tone-mapped to SDR",
            ],
        ),
        (
            {"remarks": {"turned": 5, "upright": 1}},
            [
                "4 photos without an orientation tag lie on their side or head, and are delivered as they are "
                "(`photos.auto_upright = true` turns photos that are sorted from then on)",
                "1 photo without an orientation tag lay on its side or head, and was turned upright "
                "(`photos.auto_upright`)",
            ],
        ),
        (
            {"remarks": {"upright": 1, "turned": 1, "of a newer facesort": 7}},
            [
                "1 photo without an orientation tag lay on its side or head, and was turned upright "
                "(`photos.auto_upright`)",
            ],
        ),
    ],
)
def test_what_the_sums_do_not_say(report: dict[str, Any], said: list[str]) -> None:
    assert remarks(report) == said


@pytest.mark.parametrize("remark", Remark)
def test_every_remark_has_words(remark: Remark) -> None:
    assert explain(remark)
    both = {remark: 1, Remark.TURNED: 1}
    for report in ({remark: 1}, {remark: 2}) if remark is not Remark.UPRIGHT else (both,):
        (said,) = remarks({"remarks": report})
        assert said.startswith(f"{report[remark]} ")


def test_links_are_said_with_what_to_do() -> None:
    outside, broken = remarks({"skipped": {"broken_link": 2, "symbolic_link": 1500, "hidden": 9}})

    assert outside.startswith("1,500 left out as symbolic_link: ")
    assert "facesort source add DIR" in outside
    assert broken.startswith("2 left out as broken_link: ")
    assert "`git annex get`" in broken


def test_a_shifted_clock_is_said() -> None:
    assert shifted_remark(0) == ""
    assert shifted_remark(40).startswith("40 files taken as unchanged")
