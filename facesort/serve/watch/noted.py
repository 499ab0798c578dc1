"""What a request turned out to be, noted by the rooms while they answer it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from uuid import uuid4


@dataclass(slots=True)
class Noted:
    """One request; goes into its log line, the metrics and the audit log.

    Parameters
    ----------
    operation : str
        From a closed list: ``SearchFaces``, or a route's own template; never what a client wrote.
    who : str
        The access key id, or ``token``; empty for nobody that is known.
    collection : str
        Collection id; goes into the audit log only.
    error : str
        Name of the error that was answered.
    indexed, deleted, searched : int
        Numbers of faces; `searched` is how many a query was compared with.
    """

    request_id: str = field(default_factory=lambda: str(uuid4()))
    operation: str = ""
    who: str = ""
    collection: str = ""
    error: str = ""
    indexed: int = 0
    deleted: int = 0
    searched: int = 0


CURRENT: ContextVar[Noted | None] = ContextVar("request", default=None)
_NAMES = frozenset(f.name for f in fields(Noted))


def note(**what: str | int) -> None:
    """Note something about the request that is being answered; nothing happens outside of one.

    Threads that answer a request share its notes, since they inherit its context.

    Examples
    --------
    >>> note(operation="IndexFaces", collection="wedding", indexed=3)
    """
    noted = CURRENT.get()
    if unknown := what.keys() - _NAMES:
        raise TypeError(f"nothing is noted as {', '.join(sorted(unknown))}")
    if noted is not None:
        for name, value in what.items():
            setattr(noted, name, value)
