from __future__ import annotations

from pathlib import Path

import pytest
from torture.campaign import SEED, WHOLE, Ledger

pytest.register_assert_rewrite("torture.event", "torture.trace")

_LEDGER = pytest.StashKey[Ledger]()
_HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEDGER] = Ledger()


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
