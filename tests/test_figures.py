"""Pages state only figures that a file has, and none that is older than the code without saying so."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = '"""Doubles."""\n\n\ndef double(number: int) -> int:\n    """Twice."""\n    return number * 2  # twice\n'


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    """`benchmarks/figures.py`: benchmarks are scripts, no package."""
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("benchmarks are in the repository, not in the archive")
    spec = importlib.util.spec_from_file_location("figures", ROOT / "benchmarks" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["figures"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout_of_one_figure(figures: ModuleType, tmp_path: Path) -> Path:
    """A checkout with a module, a figure of it, and a page that states it."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks" / "not_figures.toml").write_text(
        '[[page]]\npage = "README.md"\nwhy = "limits"\ntexts = ["at most 5 s"]\n'
    )
    (tmp_path / "double.py").write_text(CODE)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)
    figures.record(
        "doubling",
        covers=["double.py"],
        values={"time": figures.spread([3.0, 1.0, 2.0], 1), "photos": 16000, "share": 0.5},
        tables={"all": {"columns": ["what", "ms"], "rows": [["double", 2.5]]}},
        root=tmp_path,
    )
    (tmp_path / "README.md").write_text(
        "It takes <!--=doubling.time--><!--/--> s for <!--=doubling.photos--><!--/--> photos, at most 5 s and\n"
        "`10 s` in code; a share of <!--=doubling.share:.0%--><!--/--> and\n"
        "a row: <!--=cell doubling.all; doub; ms--><!--/--> ms.\n\n<!--=table doubling.all--><!--/-->\n"
    )
    figures.render(tmp_path)
    return tmp_path


def wrong(figures: ModuleType, root: Path) -> list[str]:
    return [each.what for each in figures.check(root)]


def rewrite(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def test_the_pages_of_this_repository(figures: ModuleType) -> None:
    assert "\n".join(map(str, figures.check(ROOT))) == ""


def test_a_page_gets_its_figures_from_the_file(
    figures: ModuleType, checkout_of_one_figure: Path
) -> None:
    page = (checkout_of_one_figure / "README.md").read_text()
    assert "2.0 (1.0 to 3.0)<!--/--> s for <!--=doubling.photos-->16,000<!--/--> photos" in page
    assert "a share of <!--=doubling.share:.0%-->50%<!--/-->" in page
    assert "a row: <!--=cell doubling.all; doub; ms-->2.5<!--/--> ms" in page
    assert "| what | ms |\n| --- | --- |\n| double | 2.5 |\n\n*" in page
    assert wrong(figures, checkout_of_one_figure) == []
    assert figures.render(checkout_of_one_figure) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("16,000<", "17,000<", "doubling.photos is another in its file"),
        ("| double | 2.5 |", "| double | 1.5 |", "table doubling.all is another in its file"),
        ("doubling.photos", "doubling.photo", "no file has the figure doubling.photo"),
        ("doubling.photos", "halving.photos", "there is no benchmarks/figures/halving.json"),
        ("at most 5 s", "at most 6 s", "no file has the figure '6 s'"),
        ("in code", "in 1,200 ms", "no file has the figure '1,200 ms'"),
        ("in code", "1.5 to 2.5 times as fast", "no file has the figure '1.5 to 2.5 times as'"),
        ("doub; ms", "triple; ms", "no file has the figure cell doubling.all; triple; ms"),
        ("in code", "99.5 %", "no file has the figure '99.5 %'"),
        (
            "in code",
            "x\n\n| way | MB |\n|---|---|\n| one | 12 |\n",
            "no file has the figure '12' of a table",
        ),
        ("in code", "x\n\n| 1 | a second |\n|---|---|\n| 2 | fast, 7 |\n", "figure '7' of a table"),
        ("It takes <", "<", "a line that begins with a marker is no Markdown"),
    ],
)
def test_what_a_page_may_not_state(
    figures: ModuleType, checkout_of_one_figure: Path, old: str, new: str, said: str
) -> None:
    rewrite(checkout_of_one_figure, "README.md", old, new)
    assert any(said in each for each in wrong(figures, checkout_of_one_figure))


def test_a_figure_that_is_older_than_its_code(
    figures: ModuleType, checkout_of_one_figure: Path
) -> None:
    root = checkout_of_one_figure
    rewrite(root, "double.py", "# twice", "# by two")
    rewrite(root, "double.py", '"""Twice."""', '"""Two times.\n\n    And a half.\n    """\n')
    assert wrong(figures, root) == []

    rewrite(root, "double.py", "number * 2", "number + number")
    assert "before double.py changed" in wrong(figures, root)[0]

    figures.judge_same(root, "doubling", "an addition is no slower")
    assert wrong(figures, root) == []
    rewrite(root, "double.py", "number + number", "sum([number, number])")
    assert "before double.py changed" in wrong(figures, root)[0]

    figures.judge_older(root, "doubling", "a sum was made of a list")
    assert any("doubling.photos is another" in each for each in wrong(figures, root))
    figures.render(root)
    assert wrong(figures, root) == ["say on the page: † is older than the code"]
    rewrite(root, "README.md", "It takes", "† is older than the code. It takes")
    assert wrong(figures, root) == []
    page = (root / "README.md").read_text()
    assert "16,000†<!--/-->" in page
    assert "; older than the code: a sum was made of a list.*" in page
    (root / "double.py").unlink()
    assert wrong(figures, root) == []  # said already


def test_a_covered_file_that_is_gone_or_never_was(
    figures: ModuleType, checkout_of_one_figure: Path
) -> None:
    (checkout_of_one_figure / "double.py").unlink()
    assert "before double.py changed" in wrong(figures, checkout_of_one_figure)[0]
    with pytest.raises(ValueError, match="covers triple"):
        figures.fingerprints(checkout_of_one_figure, ["triple.py"])


def test_what_a_file_says_of_its_measurement(
    figures: ModuleType, checkout_of_one_figure: Path
) -> None:
    file = checkout_of_one_figure / "benchmarks" / "figures" / "doubling.json"
    figure = json.loads(file.read_text())
    assert figure["recorded"] == "measured"
    assert set(figure["machine"]) >= {
        "system",
        "processor",
        "cores",
        "memory_gib",
        "python",
        "load",
    }
    assert figure["covers"] == {"double.py": figures.fingerprint(CODE.encode(), "double.py")}
    assert not figure["changed_since_commit"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1\n", "x = 1  # one\n", True),
        ("x = 1\n", "\n\n# one\nx = 1\n", True),
        ("def f():\n    return 1\n", 'def f():\n    "One."\n    return 1\n', True),
        ("x = f'{a}'\n", "x = f'{a}' # text\n", True),
        ("x = 1\n", "x = 2\n", False),
        ("x = f'{a}'\n", "x = f'{b}'\n", False),
        ("x = f'{a}'\n", "x = f'{a} '\n", False),
        ("if a:\n    b\n    c\n", "if a:\n    b\nc\n", False),
        ("x = 'one'\n", "x = 'two'\n", False),
        ("call('one')\n", "call('two')\n", False),
        ("'one'.strip()\n", "'two'.strip()\n", False),
    ],
)
def test_what_a_fingerprint_sees(figures: ModuleType, one: str, other: str, same: bool) -> None:
    found = [figures.fingerprint(text.encode(), "x.py") for text in (one, other)]
    assert (found[0] == found[1]) == same


def test_a_command_shows_no_path_of_the_machine(figures: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "models" / "mbf128").mkdir(parents=True)
    words = [str(ROOT / "benchmarks" / "speed.py"), "--pack", str(tmp_path / "models" / "mbf128")]
    shown = figures.command_line(words, ROOT)
    assert shown == "python benchmarks/speed.py --pack …/models/mbf128".replace(
        "…/models/mbf128", "'…/models/mbf128'"
    )


def test_a_benchmark_keeps_what_it_prints(
    figures: ModuleType,
    checkout_of_one_figure: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        assert sys.argv[1:] == ["--photos", "9"]
        sys.stdout.write(
            "9 photos\n\n| way | ms |\n|---|---|\n| one | 3.5 |\nand\n| other |\n|---|\n| x |\n"
        )

    monkeypatch.setattr(sys, "argv", ["halving.py", "--photos", "9"])
    figures.run_benchmark(main, ["double.py"], root=checkout_of_one_figure)
    assert not (checkout_of_one_figure / "benchmarks" / "figures" / "halving.json").exists()

    monkeypatch.setattr(sys, "argv", ["halving.py", "--photos", "9", "--record"])
    figures.run_benchmark(main, ["double.py"], root=checkout_of_one_figure)
    assert capsys.readouterr().out.count("| one | 3.5 |") == 2
    kept = figures.load(checkout_of_one_figure, "halving")
    assert kept["values"] == {"lines": ["9 photos", "and"]}
    assert kept["tables"]["1"] == {"columns": ["way", "ms"], "rows": [["one", "3.5"]]}
    assert kept["tables"]["2"] == {"columns": ["other"], "rows": [["x"]]}
    assert kept["command"] == "python halving.py --photos 9"


@pytest.mark.parametrize(
    "commits", [("aaaaaaa", "bbbbbbb"), ("aaaaaaa with changes",), ("unknown",)]
)
def test_a_campaign_of_no_single_commit_is_not_kept(
    tmp_path: Path, commits: tuple[str, ...]
) -> None:
    about = {"whole": False, "seed": 1, "python": "3", "machine": "m", "started": "1", "ended": "2"}
    for number, commit in enumerate(commits):
        run = {"about": about | {"commit": commit}, "cases": {}}
        (tmp_path / f"{number}.json").write_text(json.dumps(run))
    command = [sys.executable, str(ROOT / "tests" / "torture" / "campaign.py"), str(tmp_path)]
    told = subprocess.run([*command, "--record"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert f"of no single commit ({', '.join(commits)}): nothing is kept" in told.stderr
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| bytes lost | 0 |" in shown.stdout


def test_benchmarks_import_what_there_is(figures: ModuleType) -> None:
    missing = []
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("facesort"):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    inside = hasattr(module, "__path__") and importlib.util.find_spec(
                        f"{node.module}.{alias.name}"
                    )
                    if not hasattr(module, alias.name) and not inside:
                        missing.append(f"{path.name}: {node.module}.{alias.name}")
    assert missing == []
