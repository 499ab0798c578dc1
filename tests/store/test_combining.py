from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from facesort.store.collections.combining import Combining


def test_everybody_gets_their_own_answer() -> None:
    sizes: list[int] = []
    at_a_time = threading.Lock()

    def answer(questions: Sequence[int]) -> list[int]:
        assert at_a_time.acquire(blocking=False), "two threads answer"
        sizes.append(len(questions))
        time.sleep(0.001)
        at_a_time.release()
        return [2 * question for question in questions]

    combining = Combining(answer, most=20)
    with ThreadPoolExecutor(50) as threads:
        assert list(threads.map(combining.ask, range(2000))) == [2 * n for n in range(2000)]
    assert sum(sizes) == 2000
    assert 1 < max(sizes) <= 20


def test_alone_nobody_waits() -> None:
    combining: Combining[int, int] = Combining(lambda questions: [*questions])
    assert [combining.ask(n) for n in range(5)] == [0, 1, 2, 3, 4]


def test_an_error_reaches_those_who_asked_and_nobody_else() -> None:
    def answer(questions: Sequence[int]) -> list[int]:
        if 13 in questions:
            raise ValueError("unlucky")
        return [*questions]

    combining = Combining(answer)
    with pytest.raises(ValueError, match="unlucky"):
        combining.ask(13)
    assert combining.ask(12) == 12


def test_a_thread_that_is_stopped_leaves_nobody_waiting() -> None:
    begun = threading.Event()

    def answer(questions: Sequence[int]) -> list[int]:
        if questions[0] == 1:
            begun.set()
            time.sleep(0.2)
            raise KeyboardInterrupt
        return [*questions]

    combining = Combining(answer)
    with ThreadPoolExecutor(3) as threads:
        stopped = threads.submit(combining.ask, 1)
        begun.wait()
        others = [threads.submit(combining.ask, n) for n in (2, 3)]
        with pytest.raises(KeyboardInterrupt):
            stopped.result(5)
        assert [other.result(5) for other in others] == [2, 3]
