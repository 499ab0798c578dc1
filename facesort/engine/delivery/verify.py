"""Verify that every file of the commit log is in the output with the logged content; and derivatives."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from facesort.core.derivatives import DerivedFile
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.errors import short_of
from facesort.files import file_sha256
from facesort.store.queries.delivery.commit_log import LoggedWrite


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of re-hashing the output.

    Parameters
    ----------
    verified : int
        Files with the logged content.
    missing, changed : tuple of str
        Targets that do not exist, or have other content.
    unreadable : dict of str to str
        Targets that cannot be read, or are not regular files, and why.
    removed : tuple of str
        Targets that do not exist and that nobody misses: ``corrections.csv`` lists them, or their person was removed.
    """

    verified: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    unreadable: dict[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every file that should be there is, and is unchanged."""
        return not (self.missing or self.changed or self.unreadable)

    @property
    def found_nothing(self) -> bool:
        """Whether files were written once, and there is none of them: it may be another folder."""
        return bool(self.missing) and not (self.verified or self.changed or self.unreadable)

    def excusing(self, unneeded: Collection[str]) -> Verification:
        """Return the same, where missing files that nobody misses are removed ones.

        Parameters
        ----------
        unneeded : collection of str
            Their targets, from `facesort.store.queries.delivery.corrections.no_longer_needed`.
        """
        return replace(
            self,
            missing=tuple(target for target in self.missing if target not in unneeded),
            removed=tuple(target for target in self.missing if target in unneeded),
        )


@dataclass(frozen=True, slots=True)
class DerivativeCheck:
    """Result of re-hashing the derivatives: what is wrong with them, `facesort derive` makes again.

    Parameters
    ----------
    verified : int
        Files with the content that they are named by.
    wrong : tuple of str
        Files that are missing, changed or not readable, below the folder of derivatives.
    """

    verified: int
    wrong: tuple[str, ...]


def verify_derivatives(folder: DerivativeFolder, files: Iterable[DerivedFile]) -> DerivativeCheck:
    """Re-hash derivatives.

    Parameters
    ----------
    files : iterable of DerivedFile
        From `facesort.store.queries.delivery.derivatives.needed_files`.
    """
    found = {file.key: folder.holds(file) for file in files}
    return DerivativeCheck(sum(found.values()), tuple(k for k, right in found.items() if not right))


def verify_output(output: Path, writes: Iterable[LoggedWrite]) -> Verification:
    """Re-hash the output against the commit log.

    Parameters
    ----------
    writes : iterable of LoggedWrite
        From `facesort.store.queries.delivery.commit_log.verified_writes`.
    """
    found: dict[str, list[str]] = {"verified": [], "missing": [], "changed": []}
    unreadable = {}
    for write in writes:
        target = write.plan.target
        try:
            found[_state(output, write)].append(target)
        except (OSError, ValueError) as error:  # ValueError: a name that no path can have
            if short_of(error):
                raise
            unreadable[target] = getattr(error, "strerror", None) or str(error)
    return Verification(
        len(found["verified"]), tuple(found["missing"]), tuple(found["changed"]), unreadable
    )


def _state(output: Path, write: LoggedWrite) -> str:
    try:
        found = file_sha256(output / write.plan.target, below=output)
    except FileNotFoundError:
        return "missing"
    return "verified" if found == write.plan.sha256 else "changed"
