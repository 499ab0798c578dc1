"""Questions that arrive while one is being answered are answered together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Asked(Generic[Question, Answer]):
    """A question that waits; its thread is woken when it is answered, or when it is its turn to answer."""

    question: Question
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    answers: list[Answer] = field(default_factory=list)  # one, once there is
    error: Exception | None = None


class Combining(Generic[Question, Answer]):
    """Threads ask one question each; whoever's turn it is answers those of all who wait.

    Nobody waits for others to come: alone, a question is answered at once.  Turns are taken in the order of arrival,
    and there is no thread of its own.

    Parameters
    ----------
    answer : callable
        Answers questions in one go, in their order; never called by two threads at a time.
    most : int
        Questions in one go.
    """

    def __init__(
        self, answer: Callable[[Sequence[Question]], Sequence[Answer]], most: int = 64
    ) -> None:
        self._answer = answer
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Asked[Question, Answer]] = []
        self._busy = False

    def ask(self, question: Question) -> Answer:
        """Answer to a question; raises what `answer` raised, as for all who asked at the same time."""
        asked: _Asked[Question, Answer] = _Asked(question)
        with self._lock:
            self._waiting.append(asked)
            asked.leads, self._busy = not self._busy, True
        if not asked.leads:
            asked.woken.wait()
        if asked.leads:
            self._lead()
        if asked.error is not None:
            raise asked.error
        return asked.answers[0]

    def _lead(self) -> None:
        """Answer those who wait, oneself among them, and let the first of the others lead next."""
        with self._lock:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._give(batch)
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].woken.set()

    def _give(self, batch: Sequence[_Asked[Question, Answer]]) -> None:
        failed: Exception = RuntimeError("the thread that was answering this question was stopped")
        try:
            answers = self._answer([asked.question for asked in batch])
            for asked, answer in zip(batch, answers, strict=True):
                asked.answers.append(answer)
        except Exception as error:  # noqa: BLE001  # raised where the questions came from
            failed = error
        finally:
            for asked in batch:
                if not asked.answers:
                    asked.error = failed
                asked.woken.set()
