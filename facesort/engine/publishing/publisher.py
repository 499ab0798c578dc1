"""Many objects at a time: sent, tried again where that may help, and noted in the ledger as they end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential_jitter,
)

from facesort.core.delivery.objects import PART
from facesort.engine.publishing.bucket import Bucket
from facesort.engine.publishing.content import Item, StoppedError, UnsentError
from facesort.engine.publishing.ledger import Ledger
from facesort.engine.publishing.send import send
from facesort.engine.publishing.trouble import first_line, for_a_moment
from facesort.errors import PublishError
from facesort.reasons import Reason
from facesort.store.queries.delivery.published import LedgerEntry

T = TypeVar("T")

log = logging.getLogger(__name__)

_STREAK = 6  # objects that fail one after the other for a reason that is the server's
_OF_THE_SERVER = {Reason.CONNECTION_LOST, Reason.THROTTLED, Reason.SERVER_ERROR}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast objects are sent, and how patiently.

    Parameters
    ----------
    connections : int
        Objects at a time; each holds at most 8 MB of the memory.
    attempts : int
        Of one object.
    first_wait_s, longest_wait_s : float
        Before the second attempt, and at most; it doubles in between.
    """

    connections: int = 8
    attempts: int = 3
    first_wait_s: float = 1.0
    longest_wait_s: float = 32.0

    def retrying(self, bucket: Bucket) -> Retrying:
        """Attempts of one thing; a job that is to end waits for none."""
        return Retrying(
            retry=retry_if_exception(lambda error: for_a_moment(error) is not None),
            stop=stop_after_attempt(self.attempts) | stop_when_event_set(bucket.stopped),
            wait=wait_exponential_jitter(
                max=self.longest_wait_s, multiplier=self.first_wait_s, jitter=self.first_wait_s
            ),
            sleep=sleep_using_event(bucket.stopped),
            reraise=True,
        )

    def ask(self, bucket: Bucket, call: Callable[..., T], *arguments: object) -> T:
        """Do what the job cannot go on without.

        Raises
        ------
        PublishError
            Also if the server cannot be reached, or fails each time.
        """
        try:
            return self.retrying(bucket)(call, *arguments)
        except Exception as error:
            if isinstance(error, UnsentError) and for_a_moment(error) is None:
                raise PublishError(
                    f"the server of {bucket.destination} does not do what it is asked ({error}): check the endpoint"
                ) from error
            if for_a_moment(error) is None:
                raise
            raise PublishError(
                f"the server of {bucket.destination} cannot be reached, or fails ({first_line(error)}): check the "
                "endpoint and the connection, and run the same command again"
            ) from error


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    all_files: int
    all_bytes: int
    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Publisher:
    """Sends the objects of one plan to one destination.

    Parameters
    ----------
    put : dict of object_id to size
        What was not there.
    streak : list of LedgerEntry
        Objects that the server failed for, one after the other.
    """

    bucket: Bucket
    ledger: Ledger
    pace: Pace
    on_progress: Callable[[Progress], None]
    put: dict[int, int] = field(default_factory=dict)
    streak: list[LedgerEntry] = field(default_factory=list)
    progress: Progress = field(default_factory=lambda: Progress(0, 0))

    def give_up(self, stale: Sequence[LedgerEntry]) -> None:
        """Abort multipart uploads of ours that will not go on."""
        for entry in stale:
            self.pace.ask(self.bucket, self.bucket.abort, entry.planned.target, entry.upload_id)
            self.ledger.note(replace(entry, upload_id=None))

    def send_all(self, items: Sequence[Item]) -> None:
        """Send all that is planned and not there.

        Raises
        ------
        PublishError
            If no object can be sent, or the server fails again and again: what is not sent waits.
        """
        self.progress = Progress(len(items), sum(item.planned.size for item in items))
        coming = iter(items)
        running: dict[Future[LedgerEntry], Item] = {}
        with ThreadPoolExecutor(self.pace.connections, "publish") as pool:
            try:
                for item in islice(coming, 1):  # it may show that none can be sent
                    self._ended(self._carry(item), item)
                while True:
                    more = islice(coming, 2 * self.pace.connections - len(running))
                    running |= {pool.submit(self._carry, item): item for item in more}
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        item = running.pop(future)
                        self._ended(future.result(), item)
                    self.ledger.write_sometimes()
            finally:
                self.bucket.stopped.set()
                self._settle(running)
                self.ledger.write()

    def _settle(self, running: Collection[Future[LedgerEntry]]) -> None:
        """Wait for what is under way, and note what was sent."""
        for future in running:
            if not future.cancel() and future.exception() is None:
                self.ledger.note(_waiting_again(future.result()))

    def _carry(self, item: Item) -> LedgerEntry:
        """Send one object, in any thread; returns how it ended."""
        stored = self.ledger.entries[item.planned.target]
        if stored.state == "sent" and stored.planned.sha256 != item.planned.sha256:
            ended = self._try(item, replace(stored, state="pending"))
            return ended if ended.state == "sent" else stored  # an earlier version of ours is there
        return self._try(item, stored)

    def _try(self, item: Item, stored: LedgerEntry) -> LedgerEntry:
        entry = replace(stored, planned=item.planned)

        def on_begun(upload_id: str | None) -> None:
            nonlocal entry
            entry = replace(entry, upload_id=upload_id)
            self.ledger.note(entry, now=upload_id is not None)

        try:
            for attempt in self.pace.retrying(self.bucket):
                with attempt:
                    number = attempt.retry_state.attempt_number
                    entry = replace(entry, attempts=number)
                    sent = send(self.bucket, item, entry.upload_id, on_begun)
        except StoppedError:
            return entry
        except UnsentError as error:
            log.warning("%s is not sent: %s", item.planned.target, error)
            return replace(entry, state="dead", reason=error.reason.value)
        except Exception as error:
            reason = for_a_moment(error)
            if reason is None:
                raise
            if self.bucket.stopped.is_set():
                return entry
            log.warning("%s is not sent: %s", item.planned.target, error)
            return replace(entry, state="dead", reason=reason.value)
        if sent.put:
            self.put[entry.object_id] = entry.planned.size
        return replace(entry, state="sent", reason=None, etag=sent.etag)

    def _ended(self, entry: LedgerEntry, item: Item) -> None:
        """Count and note how an object ended."""
        if entry.reason in _OF_THE_SERVER:
            self.streak.append(entry)
        else:
            self.streak.clear()
        if len(self.streak) >= _STREAK:
            for each in self.streak:  # it was not about them: they wait
                self.ledger.note(_waiting_again(each))
            raise PublishError(
                f"the server of {self.bucket.destination} failed for {len(self.streak)} objects one after the other "
                f"({entry.reason}): the rest waits. See whether it is full or down; the same command goes on later"
            )
        self.ledger.note(entry)
        self._ask_whether_it_looks(item)
        done = self.progress
        self.progress = replace(done, files=done.files + 1, bytes=done.bytes + entry.planned.size)
        self.on_progress(self.progress)

    def _ask_whether_it_looks(self, item: Item) -> None:
        """Find out whether the server refuses to replace an object, by the first small one that was put now."""
        entry = self.ledger.entries[item.planned.target]
        if self.ledger.conditional is not None:
            return
        if self.bucket.conditional is not None:  # it has shown it
            self.ledger.note_conditional(self.bucket.conditional)
            return
        if entry.object_id not in self.put or entry.planned.size > PART:
            return
        with suppress(UnsentError):  # then it stays unknown
            _, digest, data = item.read()
            looks = self.pace.ask(self.bucket, self.bucket.looks, item.planned.target, data, digest)
            self.ledger.note_conditional(looks)


def _waiting_again(entry: LedgerEntry) -> LedgerEntry:
    """An object, after a job that ended early: what the server did not take waits."""
    if entry.reason in _OF_THE_SERVER:
        return replace(entry, state="pending", reason=None)
    return entry
