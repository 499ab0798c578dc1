"""What all of the campaign shares: its seed, its size, and the figures it ends with.

``python tests/torture/campaign.py FOLDER`` prints the table of several runs side by side that wrote into one folder,
and with ``--record`` keeps it in ``benchmarks/figures/torture.json``, from which the pages have it.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

SEED = int(os.environ.get("FACESORT_TORTURE_SEED", "20261121"))
WHOLE = os.environ.get("FACESORT_SLOW_SHARE") != "ci"

# The figures that the last table shows, in its order, and what gives each; what is not a peak is a sum.
FIGURES = {
    "kills survived: coordinator at a named point": "test_kill_coordinator.py",
    "kills survived: coordinator between two file operations": "test_kill_coordinator.py",
    "kills survived: coordinator at a random time": "test_kill_coordinator.py test_load.py",
    "kills survived: coordinator, in clips": "test_kill_clips.py",
    "kills survived: worker processes, in clips": "test_kill_clips.py",
    "kills survived: coordinator in a system call of the database": "test_disks.py -k killed",
    "kills survived: worker processes": "test_kill_workers.py",
    "kills survived: machines of a cluster": "test_kill_cluster.py",
    "kills survived: processes of a cluster's machines": "test_kill_cluster.py",
    "kills survived: scheduler of a cluster": "test_kill_cluster.py",
    "kills survived: notebook kernel, papermill, or all at once": "test_kill_notebook.py",
    "kills survived: re-match, forget, retry, answer, undo": "test_kill_actions.py",
    "kills survived: calibrate": "test_kill_actions.py -k calibrate",
    "kills survived: a process that adds and erases faces of collections": "test_kill_collections.py",
    "kills survived: the service, while clients index and delete": "test_kill_service.py",
    "kills survived: the kernel of a review, in an answer": "test_kill_actions.py -k kernel",
    "stopped and continued: coordinator, worker, kernel, launcher": "test_stopped.py",
    "seconds stopped": "test_stopped.py",
    "two commands at once: both done, one after the other": "test_at_once.py",
    "two commands at once: one done, one refused": "test_at_once.py",
    "databases copied mid-write: opened as an earlier state": "test_copied_database.py",
    "databases copied mid-write: refused": "test_copied_database.py",
    "files whose permissions were looked at": "test_umask.py",
    "faults injected: disks": "test_disks.py",
    "faults injected: foreign hands": "test_foreign_hands.py",
    "faults injected: database": "test_database.py",
    "files fed: mutated": "test_garbage.py -k mutated",
    "files fed: as they are, whole and broken": "test_garbage.py -k broken",
    "files fed: damaged clips": "test_damaged_clips.py",
    "files fed: bombs, giants and swarms": "test_garbage.py",
    "files fed: names": "test_names.py",
    "photos sorted under load": "test_load.py",
    "bytes lost": "",
    "files doubled": "",
    "temporary files left": "",
}
COVERS = ["facesort/engine/job", "facesort/files", "facesort/store/job"]
"""The code that writes: what the figures are true of."""

PEAKS = {
    "peak memory of a worker (MB)": "test_garbage.py test_load.py",
    "peak memory of the coordinator (MB)": "test_load.py",
}


def share(ci: int, whole: int) -> int:
    """How much of something the whole campaign does, and the share of it that CI does."""
    return whole if WHOLE else ci


def chance(*what: object) -> random.Random:
    """Randomness of one case: follows from the campaign's seed and the case alone."""
    return random.Random(f"{SEED} {what}")


@dataclass
class Ledger:
    """What a case adds to the figures."""

    figures: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, figure: str, number: int = 1) -> None:
        assert figure in FIGURES
        self.figures[figure] = self.figures.get(figure, 0) + number

    def peak(self, figure: str, value: float) -> None:
        assert figure in PEAKS
        self.peaks[figure] = max(self.peaks.get(figure, 0), round(value))

    def note(self, words: str) -> None:
        """What the reader of the table may want to know beside it."""
        self.notes.append(words)

    def take(self) -> dict[str, Any]:
        """What was added since this was last asked, as plain data."""
        added = asdict(self)
        self.figures, self.peaks, self.notes = {}, {}, []
        return added


@dataclass
class Record:
    """What the cases of one run of pytest have added, however many processes they ran in."""

    about: dict[str, Any]
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def new(cls) -> Record:
        return cls(
            {
                "seed": SEED,
                "whole": WHOLE,
                "commit": _commit(),
                "python": platform.python_version(),
                "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
                f"{psutil.virtual_memory().total / 2**30:.0f} GB",
                "started": _now(),
                "ended": _now(),
            }
        )

    def add(self, case: str, outcome: str, seconds: float, news: dict[str, Any]) -> None:
        self.cases[case] = {"outcome": outcome, "seconds": round(seconds, 1), **news}
        self.about["ended"] = _now()

    def save(self, folder: Path) -> None:
        """Write it into a folder that other runs of the same campaign write into too."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.about['started'].replace(':', '')}-{os.getpid()}.json"
        path.with_suffix(".new").write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        path.with_suffix(".new").replace(path)


def records(folder: Path) -> list[Record]:
    """Everything that was written into a folder, the oldest first."""
    return [Record(**json.loads(p.read_text("utf-8"))) for p in sorted(folder.glob("*.json"))]


def table(runs: Iterable[Record]) -> list[str]:
    """One table, in Markdown; a case that was run again counts as it ended last."""
    runs = list(runs)
    cases = {name: case for run in runs for name, case in run.cases.items()}
    figures: Counter[str] = Counter(dict.fromkeys(FIGURES, 0))
    peaks, notes = dict.fromkeys(PEAKS, 0), []
    for name, case in cases.items():
        figures.update(case["figures"])
        peaks |= {peak: max(peaks[peak], value) for peak, value in case["peaks"].items()}
        notes += [f"{name.rpartition('/')[2]}: {note}" for note in case["notes"]]
    kills = sum(n for figure, n in figures.items() if figure.startswith("kills survived"))
    rows = [("kills survived, all", kills, "")]
    rows += [(name, figures[name], by) for name, by in FIGURES.items()]
    rows += [(name, peaks[name], by) for name, by in PEAKS.items()]
    ended = Counter(case["outcome"] for case in cases.values())
    seconds = sum(case["seconds"] for case in cases.values())
    return [
        *(_about(run) for run in runs),
        f"{', '.join(f'{n} {outcome}' for outcome, n in ended.items())}; {seconds:,.0f} s of tests",
        "",
        "| what | figure | reproduced by |",
        "|---|---|---|",
        # What was not asked for is left out; what must be zero is not.
        *(f"| {name} | {n:,} | {f'`{by}`' if by else ''} |" for name, n, by in rows if n or not by),
        "",
        *notes,
    ]


def _about(run: Record) -> str:
    about = run.about
    size = "the whole campaign" if about["whole"] else "a bounded share of the campaign"
    return (
        f"{size}: seed {about['seed']}, commit {about['commit']}, {about['started']} to {about['ended']} UTC, "
        f"{about['machine']}, Python {about['python']}"
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _commit() -> str:
    def git(*command: str) -> str:
        run = ["git", "-C", str(Path(__file__).parent), *command]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main() -> None:
    """Print the table of the folder on the command line; keep it, if all runs are of one commit."""
    sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    from figures import run_benchmark

    runs = records(Path(sys.argv[1]))
    commits = {run.about["commit"] for run in runs}
    if "--record" in sys.argv and (
        len(commits) != 1 or any(" " in commit or commit == "unknown" for commit in commits)
    ):
        sys.exit(
            f"the runs are of no single commit ({', '.join(sorted(commits))}): nothing is kept"
        )
    run_benchmark(
        lambda: print("\n".join(table(runs))),  # noqa: T201
        COVERS,
        name="torture",
        commit=commits.pop() if "--record" in sys.argv else None,
    )


if __name__ == "__main__":
    main()
