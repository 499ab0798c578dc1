"""What is typed after ``-p`` is refused before anything is started, in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import example, given, strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from facesort.errors import NotebookError
from facesort.lab.run.parameters import check_parameters, parse_parameters

NINES = "9" * 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("8", 8),
        ("-1", -1),
        ("0.85", 0.85),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("none", None),
        ("NULL", None),
        ("nan", "nan"),
        ("-inf", "-inf"),
        ("/media/card 1", "/media/card 1"),
        ('"2024"', "2024"),
        ('"', '"'),
        ("'x'", "'x'"),
        ("[1]", "[1]"),
    ],
)
def test_words_on_the_command_line_become_values(text: str, expected: object) -> None:
    value = parse_parameters([("name", text)])["name"]

    assert (value, type(value)) == (expected, type(expected))


def test_of_a_name_given_twice_the_last_counts() -> None:
    assert parse_parameters([]) == {}
    assert parse_parameters([("a", "1"), ("b", "x"), ("a", "2")]) == {"a": 2, "b": "x"}


@pytest.mark.parametrize(
    ("notebook", "name", "text", "message"),
    [
        (
            "03_sort",
            "loose",
            "0,9",
            "loose must be a number (for example 0.9, with a point) or none, not '0,9'",
        ),
        ("03_sort", "loose", NINES, "with a point) or none, not a number of more than 18 digits"),
        ("03_sort", "loose", "-" + NINES, "not a number of more than 18 digits"),
        ("03_sort", "loose", "9" * 5000, "with a point) or none, not '9999"),
        ("03_sort", "loose", "nan", "not 'nan'"),
        ("03_sort", "loose", "-inf", "not '-inf'"),
        ("03_sort", "loose", "1e999", "not '1e999'"),
        ("03_sort", "loose", "true", "not true"),
        ("03_sort", "loose", "", "not ''"),
        ("03_sort", "loose", "2.1", "loose cannot be 2.1: it should be less than or equal to 2"),
        ("03_sort", "margin", "-1", "margin cannot be -1: it should be greater than or equal to 0"),
        ("03_sort", "learn", "yes", "learn must be true or false or none, not 'yes'"),
        ("03_sort", "unknown_folder", "1", "must be true or false or none, not 1"),
        (
            "03_sort",
            "workers",
            "-3",
            "workers cannot be -3: it should be greater than or equal to 0",
        ),
        ("03_sort", "workers", "257", "less than or equal to 256"),
        ("03_sort", "workers", "2.5", "workers must be a whole number (for example 24), not 2.5"),
        ("03_sort", "workers", "none", "must be a whole number (for example 24), not none"),
        ("03_sort", "contact_sheet", "[1]", "not '[1]'"),
        ("03_sort", "contact_sheet", "401", "less than or equal to 400"),
        ("02_calibrate", "labelled", "2024", "in double quotes: '\"2024\"') or none, not 2024"),
        ("02_calibrate", "fpir", "1", "fpir cannot be 1: it should be less than 1"),
        ("02_calibrate", "wrong_learning", "0", "greater than 0"),
        ("02_calibrate", "sample", "-1", "greater than or equal to 0"),
        ("02_calibrate", "seed", NINES, "whole number (for example 24), not a number of more"),
        ("05_audit", "before", "first", "before must be a whole number (for example 24) or none"),
        ("05_audit", "minimum", "1000001", "less than or equal to 1000000"),
        ("05_audit", "workspace", "true", "workspace must be a text"),
    ],
    ids=lambda value: value[:20],
)
def test_a_value_that_cannot_be_meant_is_refused(
    notebook: str, name: str, text: str, message: str
) -> None:
    with pytest.raises(NotebookError, match=re.escape(message)) as caught:
        check_parameters(notebook, parse_parameters([(name, text)]))

    assert str(caught.value).startswith(f"parameter {name} ")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("notebook", "name", "text", "value"),
    [
        ("03_sort", "loose", "0.9", 0.9),
        ("03_sort", "loose", "1", 1),
        ("03_sort", "loose", "none", None),
        ("03_sort", "learn", "FALSE", False),
        ("03_sort", "workers", "0", 0),
        ("02_calibrate", "labelled", '"2024"', "2024"),
        ("02_calibrate", "labelled", "nan", "nan"),
        ("05_audit", "contact_sheet", "400", 400),
    ],
)
def test_a_value_that_can_be_meant_is_taken(
    notebook: str, name: str, text: str, value: object
) -> None:
    assert check_parameters(notebook, parse_parameters([(name, text)])) == {name: value}


def test_strict_above_loose_is_refused() -> None:
    with pytest.raises(NotebookError, match=r"strict \(0\.5\) must not be above loose \(0\.4\)"):
        check_parameters("02_calibrate", {"strict": 0.5, "loose": 0.4})


@pytest.mark.parametrize(
    ("cell", "value", "fits"),
    [
        ("x = 1", "1", False),
        ("x = 'a'", "b", True),
        ("x = True", 1, False),
        ("x = 0.5", 1, True),
        ("x = -0.5", "any", True),  # only a literal says what is expected
        ("x = None", "any", True),
        ("x = []", [1], True),
        ("x: int = None", None, True),
        ("x: int = None", "1", False),
        ("x: int | str = 0", "1", True),
        ("x: int", None, False),
        ("x: Path = None", "any", True),
        ("x = y = 1", "1", False),
        ("x = None", 10**400, False),
        ("strict = loose = x = None", 3, True),  # ranges are of facesort's own notebooks
    ],
    ids=lambda value: str(value)[:20],
)
def test_in_any_notebook_the_annotation_or_the_default_says_what_is_expected(
    tmp_path: Path, cell: str, value: object, fits: bool
) -> None:
    path = tmp_path / "own.ipynb"
    cells = [new_code_cell(cell, metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), path)

    if fits:
        assert check_parameters(path, {"x": value}) == {"x": value}
    else:
        with pytest.raises(NotebookError, match="parameter x must be "):
            check_parameters(path, {"x": value})


@given(
    st.sampled_from(["03_sort", "02_calibrate", "05_audit"]),
    st.sampled_from(
        [
            "loose",
            "strict",
            "workers",
            "contact_sheet",
            "seed",
            "fpir",
            "labelled",
            "learn",
            "minimum",
        ]
    ),
    st.one_of(
        st.text(),
        st.integers().map(str),
        st.floats().map(str),
        st.integers(300, 6000).map(lambda digits: "7" * digits),
        st.from_regex(r"[-+0-9_.,eE \[\]]{1,30}"),
    ),
)
@example("03_sort", "loose", "\ud800")
def test_anything_typed_is_taken_or_refused_in_a_sentence(
    notebook: str, name: str, text: str
) -> None:
    try:
        found = check_parameters(notebook, parse_parameters([(name, text)]))
    except NotebookError as error:
        assert len(str(error)) < 300
        return
    assert len(repr(found[name])) <= len(repr(text)) + 25
    assert not isinstance(found[name], float) or found[name] == found[name]
