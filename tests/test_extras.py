"""Where an extra is missing it is said what to install."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from facesort.cli import cli
from facesort.errors import ClusterError, FacesortError
from facesort.extras import _NEEDS, Extra, need_extra


def test_what_is_looked_for_is_what_the_extra_brings(checkout: Path) -> None:
    extras = tomllib.loads((checkout / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(_NEEDS) == set(get_args(Extra))
    for extra, need in _NEEDS.items():
        brought = {name.partition("[")[0].replace("-", "_") for name in extras[extra]}
        assert set(need.modules) <= brought


@pytest.mark.parametrize("extra", get_args(Extra))
def test_each_missing_module_is_named(extra: Extra, monkeypatch: pytest.MonkeyPatch) -> None:
    need_extra(extra)
    for module in _NEEDS[extra].modules:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, module, None)
            name = module.replace("_", "-")
            said = rf"needs {name}, which is not installed: pip install 'facesort\[{extra}\]'"
            with pytest.raises(_NEEDS[extra].error, match=said) as error:
                need_extra(extra)
            assert isinstance(error.value, FacesortError)
    assert _NEEDS["dask"].error is ClusterError


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("publish s3://photos/event", "publish"),
        ("unpublish Anna", "publish"),
        ("serve", "serve"),
        ("cluster start", "dask"),
    ],
)
def test_a_command_asks_for_its_extra_first(
    words: str, extra: Extra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACESORT_WORKSPACE", str(tmp_path / "none"))
    monkeypatch.setenv("FACESORT_SERVICE", str(tmp_path / "service"))
    monkeypatch.setitem(sys.modules, _NEEDS[extra].modules[-1], None)

    done = CliRunner().invoke(cli, words.split())

    assert done.exit_code == 1
    assert f"pip install 'facesort[{extra}]'" in done.output
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir())
