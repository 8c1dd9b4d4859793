"""A whole suite that moves in one change: what the ratchet compares then, and what it leaves."""

from dataclasses import replace

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.moved_tests import explained

A, B = "tests/test_a.py", "tests/test_b.py"


def many(head: str, count: int) -> str:
    return "from calc import add\n\n" + "".join(
        f"def test_{head}{n}():\n    assert add({n}, {n}) == {2 * n}\n\n" for n in range(count)
    )


def test_where_a_whole_suite_moves_names_are_followed_and_nothing_else_is_compared() -> None:
    """Comparing each of 1,500 tests with each takes minutes; what was also renamed counts as
    gone, which a person can say is meant."""
    count = 1_500
    kept = [
        Text(path=A, old=many("sum", count), new=None, test=True),
        Text(path=B, old=None, new=many("sum", count), test=True),
    ]
    lost = {f"{A}::test_sum{n}" for n in range(count)}
    added = {f"{B}::test_sum{n}" for n in range(count)}
    assert explained(lost, added, kept).keys() == lost
    renamed = [kept[0], replace(kept[1], new=many("total", count))]
    added = {f"{B}::test_total{n}" for n in range(count)}
    assert explained(lost, added, renamed) == {}
