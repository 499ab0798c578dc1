"""Two commands begin at the same time on one workspace.

Exactly one of them wins, or they take turns; who loses says so in a sentence with exit code 1.  Once the loser has run
again, everything is as if they had run one after the other.  Two workspaces with one output: ``test_foreign_hands.py``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from mortals import Mortal
from synthetic_event import add_references, make_event, make_workspace, sort_in_threads, write_photo
from torture.campaign import WHOLE, Ledger, chance, share
from torture.event import Calm, copy_of
from torture.test_kill_actions import State, copy_with_output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork")

TURNS = "two commands at once: both done, one after the other"
REFUSED = "two commands at once: one done, one refused"
SENTENCE = re.compile(r"\AError: .*\b(is being sorted by process|is in use by)\b.*\Z", re.DOTALL)

# What runs beside a sort, in which the engine's own sort stands for the notebook's: no kernel has to start.
BESIDE: dict[str, list[str]] = {
    "sort": [],
    "rematch": ["rematch"],
    "retry": ["retry"],
    "forget": ["forget", "Person 3", "--yes"],
    "seed": ["seed", "Somebody new", "NEW"],
    "undo": ["undo"],
    "deliver": ["deliver", "Person 4", "--no"],
    "backup": ["backup", "BACKUP"],
    "verify": ["verify"],
    "status": ["status"],
    "history": ["history"],
    "export": ["export", "EXPORT"],
}
READERS = {"backup", "verify", "status", "history", "export"}
VERBS = list(BESIDE) if WHOLE else ["sort", "rematch", "forget", "seed", "status"]


@dataclass
class Half:
    """A job that is half done: sorted, more photos came, and somebody was seeded; what is to do changes everything."""

    folder: Path
    mortal: Mortal
    _ends: dict[tuple[str, ...], State] = field(default_factory=dict)

    @cached_property
    def new(self) -> Path:
        write_photo(self.folder / "new.png", [6], variation=30)
        return self.folder / "new.png"

    def order(self, verb: str, folder: Path) -> dict[str, Any]:
        """What to tell a child."""
        if verb == "sort":
            return {"do": "sort"}
        places = {"NEW": self.new, "BACKUP": folder / "backup.zip", "EXPORT": folder / "export"}
        words = [str(places.get(word, word)) for word in BESIDE[verb]]
        return {"command": [*words, "-w", str(folder / "hot")]}

    def alone(self, root: Path, verb: str) -> None:
        """Run one of the two when nobody is in its way."""
        for made in ("backup.zip", "export"):
            shutil.rmtree(root.parent / made, ignore_errors=True)
            (root.parent / made).unlink(missing_ok=True)
        says = root.parent / "says"
        ended = self.mortal.act(root, **self.order(verb, root.parent), says=str(says))
        assert ended in {0, 3}, says.read_text()

    def after(self, *verbs: str) -> State:
        """How a workspace ends in which these ran, one after the other."""
        if verbs not in self._ends:
            root = copy_with_output(self.folder, self.folder / "-".join(verbs))
            for verb in verbs:
                self.alone(root, verb)
            self._ends[verbs] = State.of(root)
        return self._ends[verbs]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Mortal, Mortal]]:
    both = Mortal(), Mortal()
    yield both
    for one in both:
        one.close()


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, pair: tuple[Mortal, Mortal]) -> Half:
    folder = tmp_path_factory.mktemp("half")
    make_event(folder / "source", 60)
    workspace, pack = make_workspace(folder, folder / "source")
    sort_in_threads(workspace, pack)
    make_event(folder / "source" / "more", 40)
    add_references(workspace, pack, folder, {5: [30]})
    return Half(folder, pair[0])


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_beside_a_sort(
    verb: str, half: Half, pair: tuple[Mortal, Mortal], ledger: Ledger, tmp_path: Path
) -> None:
    random = chance("at once", verb)
    orders = [("sort",)] if verb in READERS else [("sort", verb), (verb, "sort")]
    ends = [half.after(*order) for order in orders]
    lost: list[str] = []
    for round_ in range(share(1, 15)):
        root = copy_with_output(half.folder, tmp_path / f"{round_}")
        both = list(zip(pair, ("sort", verb), strict=True))
        random.shuffle(both)
        said = [root.parent / f"said-{number}" for number in range(2)]
        for number, (child, what) in enumerate(both):
            child.begin(root, **half.order(what, root.parent), says=str(said[number]))
            time.sleep(random.choice([0, 0.02, 0.1, 0.4]) * random.random())
        ended = [child.end() for child, _ in both]
        words = [path.read_text() for path in said]

        assert set(ended) <= {0, 1, 3}, words
        assert ended != [1, 1], words
        ledger.count(REFUSED if 1 in ended else TURNS)
        for (_, what), code, text in zip(both, ended, words, strict=True):
            if code == 1:
                assert SENTENCE.match(text), text
                lost.append(what)
                half.alone(root, what)
        found = State.of(root)
        assert any(found.is_as(end) for end in ends), (verb, both, ended)
        shutil.rmtree(root.parent)
    ledger.note(f"of {share(1, 15)} pairs, the sort was refused in {lost.count('sort')}")


@pytest.mark.parametrize("round_", range(share(1, 12)))
def test_two_sorts_begin_together(round_: int, ledger: Ledger, tmp_path: Path) -> None:
    """As two terminals do it, kernels and all."""
    random = chance("two sorts", round_)
    (tmp_path / "event").mkdir()
    calm = Calm.of(tmp_path / "event", 70)
    root = copy_of(calm.prepared, tmp_path)
    command = [sys.executable, "-m", "facesort", "sort", "-w", str(root), "--workers", "1"]
    command += ["--runs", str(tmp_path / "runs")]
    both = []
    for _ in range(2):
        both.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        time.sleep(random.choice([0, 0.05, 0.5, 2]) * random.random())
    said = [process.communicate(timeout=300)[1] for process in both]
    ended = sorted(process.returncode for process in both)

    assert ended in ([1, 3], [3, 3]), said  # 3: some photos of this event fail, as they must
    ledger.count(REFUSED if 1 in ended else TURNS)
    for process, words in zip(both, said, strict=True):
        if process.returncode == 1:
            assert "Traceback" not in words
            assert re.search("is being sorted by process|is in use by", words), words
    calm.check(root, ledger)
