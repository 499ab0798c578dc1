"""Verify that every file of the commit log is in the output with the logged content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facesort.files import file_sha256
from facesort.store.queries.commit_log import LoggedWrite


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of re-hashing the output.

    Parameters
    ----------
    verified : int
        Files with the logged content.
    missing, changed : tuple of str
        Targets that do not exist, or have other content.
    """

    verified: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every logged file exists unchanged."""
        return not self.missing and not self.changed


def verify_output(output: Path, writes: Iterable[LoggedWrite]) -> Verification:
    """Re-hash the output against the commit log.

    Parameters
    ----------
    writes : iterable of LoggedWrite
        From `facesort.store.queries.commit_log.verified_writes`.
    """
    states = list(_states(output, writes))
    return Verification(
        verified=sum(state == "verified" for _, state in states),
        missing=tuple(target for target, state in states if state == "missing"),
        changed=tuple(target for target, state in states if state == "changed"),
    )


def _states(output: Path, writes: Iterable[LoggedWrite]) -> Iterator[tuple[str, str]]:
    for write in writes:
        path = output / write.plan.target
        if not path.is_file():
            yield write.plan.target, "missing"
        elif path.stat().st_size != write.plan.size or file_sha256(path) != write.plan.sha256:
            yield write.plan.target, "changed"
        else:
            yield write.plan.target, "verified"
