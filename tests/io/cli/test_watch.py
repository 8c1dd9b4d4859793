"""The live screen: the same moment at three widths, and what is told to whoever reads lines."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from nightlatch.cli.watch import picture
from nightlatch.record.progress import Entry
from nightlatch.report.live import (
    FeatureCounts,
    RunAtWork,
    RunSnapshot,
    SessionAtWork,
    news,
    rows,
    span,
    state,
)

NOW = datetime(2026, 11, 21, 1, 22, tzinfo=UTC)


def entry(minutes: int, word: str, name: str, title: str, rule: str = "") -> Entry:
    return Entry(
        at=NOW - timedelta(minutes=minutes), word=word, feature=name, title=title, rule=rule
    )


WORK = SessionAtWork(
    session="r-20261120-220100-s03",
    feature="US-035",
    title="Login limit: 5 tries a minute per IP",
    tries="try 1 of 3",
    agent="claude",
    phase="checks",
    since=NOW - timedelta(seconds=130),
    heard=NOW - timedelta(seconds=4),
    said="message: list[int] is [bold]kept[/red] \x1b[31mas it is",
)
FEATURES = FeatureCounts(
    passing=45,
    total=50,
    gained=4,
    waiting=1,
    tests="421 pass, 0 fail, 3 skipped",
    next=("US-036 Export a statement as PDF", "US-037 Dark mode follows the system"),
)
SCENE = RunSnapshot(
    project="ledgerly",
    now=NOW,
    process=7,
    run=RunAtWork(
        name="r-20261120-220100",
        branch="main",
        began=NOW - timedelta(hours=3, minutes=21),
        until="06:30",
        spent=13.0,
        budget=40.0,
        used=2,
        sessions=100,
        limited=("codex until 03:30 UTC",),
    ),
    work=WORK,
    features=FEATURES,
    entries=(
        entry(66, "rejected", "US-033", "Search ignores accents", "ratchet.test-removed"),
        entry(20, "landed", "US-034", "Invoices round half-even per line"),
    ),
)
AT_40 = """\
RUNNING ledgerly 01:22 3h21m
US-035 checks 2m10s
agent 4s ago: message: list[int] is [bo…
passing 45/50 (+4)  $13.00 of $40.00
run 1 rejected, 1 landed; 1 wait for you
limit codex until 03:30 UTC
last 01:02 landed US-034
next US-036 Export a statement as PDF, …
keys p pause  s stop  l log  q leave
"""
AT_80 = """\
RUNNING ledgerly  r-20261120-220100 on main  01:22 UTC, up 3h21m, until 06:30
feature  US-035 Login limit: 5 tries a minute per IP
phase    checks, 2m10s   try 1 of 3, session 3 of 100
agent    claude, last output 4s ago: message: list[int] is [bold]kept[/red] \\x1…
tests    421 pass, 0 fail, 3 skipped
passing  45/50 ###########################... +4 in this run
budget   $13.00 of $40.00 ##########....................
limits   codex until 03:30 UTC
this run 1 rejected, 1 landed; 1 wait for you
  rejected    00:16 US-033 ratchet.test-removed Search ignores accents
  landed      01:02 US-034 Invoices round half-even per line
next     US-036 Export a statement as PDF, US-037 Dark mode follows the system
keys     p pause or resume   s stop after this session   l log   q leave
"""
AT_200 = AT_80.replace("\\x1…", "\\x1b[31mas it is")


def shown(scene: RunSnapshot, width: int, **how: object) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **how).print(picture(scene, width))  # type: ignore[arg-type]  # told by keyword
    return out.getvalue()


@pytest.mark.parametrize(("width", "wanted"), [(40, AT_40), (80, AT_80), (200, AT_200)])
def test_the_screen_at_three_widths(width: int, wanted: str) -> None:
    assert shown(SCENE, width, color_system=None) == wanted


def test_without_colour_it_says_the_same() -> None:
    plain = shown(SCENE, 80, color_system="standard", force_terminal=True, no_color=True)
    assert "\x1b[3" not in plain
    assert "\x1b[1;32mRUNNING" in shown(
        SCENE, 80, color_system="standard", force_terminal=True, no_color=False
    )


HOSTILE = "[/red]\x1b]0;owned\x07\u202eevil\r\n" + "語" * 200 + "x" * 100_000


@pytest.mark.parametrize("width", [40, 46, 59, 60, 80, 200])
def test_hostile_text_stays_in_its_row_and_says_nothing_to_the_terminal(width: int) -> None:
    last = (entry(1, "landed", "US", HOSTILE),)
    bad = replace(
        SCENE,
        work=replace(WORK, said=HOSTILE, feature=HOSTILE, title=HOSTILE),
        features=replace(FEATURES, next=(HOSTILE,)),
        entries=last,
        run=replace(SCENE.run, limited=(HOSTILE,)),
    )
    told = shown(bad, width, color_system=None).splitlines()
    assert len(told) <= len(rows(SCENE, width))
    assert max(map(cell_len, told)) <= width
    assert not {"\x1b", "\x07", "\u202e", "\r"} & {*"".join(told)}


@pytest.mark.parametrize(
    ("scene", "word"),
    [
        (SCENE, "RUNNING"),
        (replace(SCENE, wish="pause"), "PAUSING"),
        (replace(SCENE, wish="pause", work=None), "PAUSED"),
        (replace(SCENE, wish="stop"), "STOPPING"),
        (replace(SCENE, work=None), "WAITING"),
        (replace(SCENE, process=None), "NO RUN"),
    ],
)
def test_the_first_word_says_how_it_stands(scene: RunSnapshot, word: str) -> None:
    assert state(scene) == word
    assert shown(scene, 80).startswith(word)


def test_the_answer_to_a_key_is_the_last_row() -> None:
    assert rows(SCENE, 80, "the run (process 7) goes on")[-1] == (
        "note",
        "the run (process 7) goes on",
    )


def test_a_moment_of_which_nothing_is_known_can_be_shown() -> None:
    nothing = RunSnapshot(project="p", now=NOW, run=RunAtWork(), features=FeatureCounts())
    for width in (40, 80):
        assert "not known yet" in shown(nothing, width) or width == 40


def test_lines_tell_what_is_new_and_nothing_twice() -> None:
    first = replace(SCENE, entries=SCENE.entries[:1], work=replace(WORK, phase="agent works"))
    assert list(news(None, first)) == [
        ("rejected", "US-033 ratchet.test-removed Search ignores accents"),
        ("session", "US-035 Login limit: 5 tries a minute per IP: agent works"),
    ]
    assert list(news(first, first)) == []
    assert list(news(first, SCENE)) == [
        ("landed", "US-034 Invoices round half-even per line"),
        ("session", "US-035 Login limit: 5 tries a minute per IP: checks"),
    ]
    assert list(news(SCENE, replace(SCENE, wish="pause"))) == [("asked", "pause")]
    assert list(news(SCENE, replace(SCENE, process=None, ending="the run is gone"))) == [
        ("ended", "the run is gone")
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0s"), (59, "59s"), (130, "2m10s"), (12_060, "3h21m"), (-5, "0s")]
)
def test_how_long_ago(seconds: int, told: str) -> None:
    assert span(NOW, NOW - timedelta(seconds=seconds)) == told
