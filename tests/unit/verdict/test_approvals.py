"""What a person approved settles what was held, exactly that and nothing more; and the page
that they decide by stays one page."""

import pytest

from nightlatch.git.model import Change
from nightlatch.landing.held_page import MOST_LINES, flagged, page
from nightlatch.model.models import Feature, Reason, Ruling
from nightlatch.verdict.approvals import MOST_NAMES, asked, names_in, path_of, read, settle, written

HELD = Reason(
    rule="ratchet.looser",
    says="looser: 2",
    ruling=Ruling.HOLD,
    detail=("tests/a.py::t[1, 2] (line 5): abs=1", "b.py:7 x\nmore"),
)


def approved(*values: str, reason: Reason = HELD) -> Reason:
    [settled] = settle([reason], read(values))
    return settled


def test_what_is_written_is_read_again_and_settles_what_it_names() -> None:
    [value] = written(asked([HELD]))
    assert value == "ratchet.looser b.py x, tests/a.py::t[1%2C 2]: abs=1"
    assert approved(value).ruling is Ruling.FLAG
    assert approved(value).says == "looser: 2 (approved by a person)"


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("ratchet.looser",),
        ("ratchet.weaker b.py x, tests/a.py::t[1%2C 2]: abs=1",),
        ("ratchet.looser tests/a.py::t[1, 2]: abs=1",),
    ],
)
def test_what_was_not_named_is_asked(values: tuple[str, ...]) -> None:
    assert approved(*values) == HELD


def test_of_what_was_named_in_part_the_rest_is_asked() -> None:
    assert approved("ratchet.looser b.py x").detail == HELD.detail[:1]
    assert (
        approved("ratchet.looser b.py x", "ratchet.looser tests/a.py::t[1%2C 2]: abs=1").ruling
        is Ruling.FLAG
    )


def test_no_approval_settles_a_refusal() -> None:
    refusal = Reason(rule="ratchet.test-removed", says="gone", detail=("a::b",))
    assert approved("ratchet.test-removed a::b", reason=refusal) == refusal


def test_a_rule_that_names_nothing_is_approved_by_its_id_alone() -> None:
    bare = Reason(rule="land.unproved", says="nothing proves it", ruling=Ruling.HOLD)
    assert approved("land.unproved", reason=bare).ruling is Ruling.FLAG
    assert written(asked([bare], {"x.y": frozenset({"b", "a"})})) == ("land.unproved", "x.y a, b")


def test_a_trailer_is_bounded_and_what_it_leaves_out_is_asked_again() -> None:
    many = Reason(
        rule="r.many",
        says="",
        ruling=Ruling.HOLD,
        detail=tuple(f"t{n:03}" for n in range(MOST_NAMES + 5)),
    )
    assert len(approved(*written(asked([many])), reason=many).detail) == 5
    assert names_in("a%2Cb, c ,  , d%25") == ["a,b", "c", "d%"]
    assert [path_of(name) for name in ("a/b.py::t", "a/b.py: loaded", "a/b.py x", "p")] == [
        "a/b.py",
        "a/b.py",
        "a/b.py",
        "p",
    ]


def test_the_page_shows_the_named_files_alone_and_stays_one_page() -> None:
    changes = [Change(path=path, status="M") for path in ("shop/tests/a.py", "src/c.py", "b.py")]
    assert flagged([HELD], changes) == ["shop/tests/a.py", "b.py"]
    assert flagged([], changes) == ["shop/tests/a.py", "src/c.py", "b.py"]
    diffs = {f"f{n}": "\n".join(f"+line {i}\x1b[31m" for i in range(1000)) for n in range(9)}
    text = page(Feature(id="F", title="T", done=False), "s1", "a" * 40, [HELD], diffs, ["new.png"])
    assert len(text.splitlines()) < MOST_LINES + 60
    assert "    ... 940 more lines: git diff aaaaaaaaa refs/nightlatch/sessions/s1 -- f0" in text
    assert "\x1b" not in text
    assert "    new.png\n" in text
