from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from torture.campaign import WHOLE, Ledger, Record, records, table
from torture.event import Calm

_LEDGER = pytest.StashKey[Ledger]()
_HERE = Path(__file__).parent
_NEWS = "what this case adds to the campaign"

# The longest cases first, so that no process is left with one of them at the end; each of the first few is followed by
# a short one, because pytest-xdist gives every process two cases to begin with.
_LONGEST = (
    "a_swarm_of_tiny_files",
    "a_long_job_with_random_kills",
    "memory_handles_and_threads",
    "is_stopped_for_minutes",
    "killed_at_random_times",
    "among_45_000_faces",
    "mutated_photos",
    "workers_are_killed",
)


class Diary:
    """Adds up what the cases found, in whatever process, and says so after each: a campaign may be cut short."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folder = os.environ.get("FACESORT_TORTURE_LEDGER")
        self._record = Record.new()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        news = dict(report.user_properties).get(_NEWS)
        if report.when != "call" or not isinstance(news, dict):
            return
        self._record.add(report.nodeid, report.outcome, report.duration, news)
        if self._folder:
            self._record.save(Path(self._folder))
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        told = [f"+{n} {figure}" for figure, n in news["figures"].items() if n] + news["notes"]
        if told and terminal is not None:
            case = report.nodeid.rpartition("/")[2]
            terminal.write_line(
                f" {case} {report.outcome} in {report.duration:.0f} s: {'; '.join(told)}"
            )
            terminal.flush()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of all runs that write into the same folder."""
        if self._record.cases:
            terminalreporter.section("the campaign")
            for line in table(records(Path(self._folder)) if self._folder else [self._record]):
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()
    if not hasattr(
        config, "workerinput"
    ):  # a process of pytest-xdist tells the one that started it
        config.pluginmanager.register(Diary(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        if item.path.is_relative_to(_HERE):
            item.user_properties.append((_NEWS, item.config.stash[_LEDGER].take()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(7200))
    if WHOLE:
        items[:] = _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    long = [item for part in _LONGEST for item in items if part in item.name]
    short = [item for item in items if item not in long]
    began = [item for pair in zip(long[:8], short[:8], strict=False) for item in pair]
    return began + [item for item in [*long, *short] if item not in began]


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where the campaign's figures are added up."""
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """An event of 400 photos, which nobody changes; modules that need another one have their own."""
    return Calm.of(tmp_path_factory.mktemp("event"), 400)


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_numpy() -> Iterator[None]:
    """As in a worker: where sorts run in threads, or side by side, numpy's own threads only fight (4 times the CPU)."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes that a case starts
    with threadpool_limits(1):
        yield
