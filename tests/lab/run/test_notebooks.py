"""What a notebook names is found from where it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesort.lab.shared.notebooks import find_folder


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([], "notebooks/hot"),  # so that an error names the folder one would expect
        (["hot"], "hot"),
        (["notebooks/hot"], "notebooks/hot"),
        (["hot", "notebooks/hot"], "notebooks/hot"),
    ],
)
def test_a_workspace_is_found_beside_the_notebook_or_one_folder_above(
    there: list[str], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("notebooks", *there):
        (tmp_path / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "notebooks")

    assert find_folder("hot") == tmp_path / found
    assert find_folder(tmp_path / "far") == tmp_path / "far"  # an absolute one as it is
