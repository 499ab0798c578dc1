from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from torture.campaign import SEED, WHOLE, Ledger

pytest.register_assert_rewrite("torture.event", "torture.trace")

_LEDGER = pytest.StashKey[Ledger]()
_HERE = Path(__file__).parent


class Diary:
    """Says after each case what it added: a campaign that is cut short has shown what it found until then."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        news = self._config.stash[_LEDGER].news() if report.when == "call" else []
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if news and terminal is not None:
            case = report.nodeid.rpartition("/")[2]
            terminal.write_line(
                f" {case} {report.outcome} in {report.duration:.0f} s: {'; '.join(news)}"
            )
            terminal.flush()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()
    config.pluginmanager.register(Diary(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(7200))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    ledger = config.stash[_LEDGER]
    if not any(ledger.figures.values()):
        return
    terminalreporter.section("the campaign" if WHOLE else "a bounded share of the campaign")
    terminalreporter.line(f"FACESORT_TORTURE_SEED={SEED}")
    for line in ledger.table():
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where the campaign's figures are added up."""
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_numpy() -> Iterator[None]:
    """As in a worker: where sorts run in threads, or side by side, numpy's own threads only fight (4 times the CPU)."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes that a case starts
    with threadpool_limits(1):
        yield
