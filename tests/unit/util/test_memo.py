"""A memory that several threads share."""

from threading import Barrier, Thread

from nightlatch.util.memo import Memo
from tests import PATIENCE


def test_two_that_ask_at_once_get_the_same_value() -> None:
    memo = Memo[str, object]()
    both = Barrier(2, timeout=PATIENCE)
    got: list[object] = []

    def find_out() -> object:
        both.wait()  # both have looked, and nothing was there
        return object()

    def ask() -> None:
        got.append(memo.get("key", find_out))

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    first, second = got
    assert first is second is memo.peek("key")


def test_finding_out_may_ask_for_another_key() -> None:
    memo = Memo[str, int]()
    assert memo.get("sum", lambda: memo.get("part", lambda: 1) + 1) == 2
    assert memo.peek("part") == 1


def test_only_the_newest_are_kept_where_that_is_asked_for() -> None:
    memo = Memo[int, int](most=2)
    for number in (1, 2, 3):
        memo.get(number, lambda number=number: number * 10)  # type: ignore[misc]  # bound at once
    assert memo.newest_first() == [(3, 30), (2, 20)]
    assert memo.peek(1) is None
