"""progress.txt: what is written is read back, what others wrote stays, and no agent can forge a line of it."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nightlatch.core import progress
from nightlatch.core.progress import Entry, Item, RunEnd, RunStart, Text, appended, parse, render

AT = datetime(2026, 11, 20, 23, 47, tzinfo=UTC)
SAMPLE = """\
== run r-20261120-220100 start base=d3c9a70 passing=41/50 budget=$40.00 agent=claude
2026-11-20T23:47Z rejected    US-033 try=1  48m  $3.41 ratchet.test-removed  Search ignores accents
    2 tests gone: test_search.py::test_exact_accent, ::test_accent_rank; restored, the rest is carried on
    session r-20261120-220100-s03  digest 4f1c2a
2026-11-21T06:10Z finding     N-7f3k2 verified US-033 Date sort is slow: no index on tx.date
    412 ms -> 9 ms with the index, 5 runs; cites src/db/schema.sql:41-48@2f80ac6
== run r-20261120-220100 end parent=2f80ac6 passing=47/50 landed=6 cost=$26.43 not-landed=$14.54
    stop    nothing left to run: US-036 waits for you
    branch  green, 421 pass, 0 fail, 3 skipped; 7 commits not pushed
"""

one_line = st.text(st.characters(exclude_characters="\r\n"), max_size=40)
details = st.lists(one_line.filter(bool), max_size=3).map(tuple)
names = st.text(max_size=12)
moments = st.datetimes().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC))
values = st.text(max_size=12)
fields = st.lists(st.tuples(st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True), values), max_size=4).map(tuple)
cents = st.integers(0, 10_000_000).map(lambda n: n / 100)
endings = st.sampled_from(["\n", "\r\n"])
sessions = st.builds(
    Entry,
    at=moments,
    word=st.sampled_from(progress.SESSION_WORDS),
    feature=names,
    tries=st.none() | st.integers(1, 200),
    minutes=st.none() | st.integers(0, 5000),
    usd=st.none() | cents,
    rule=names,
    title=one_line,
    details=details,
    eol=endings,
)
other_words = st.sampled_from(progress.OTHER_WORDS)
others = st.builds(Entry, at=moments, word=other_words, feature=names, title=one_line, details=details, eol=endings)
starts = st.builds(RunStart, run=names, fields=fields, details=details, eol=endings)
ends = st.builds(RunEnd, run=names, fields=fields, details=details, eol=endings)
blocks = st.lists(sessions | others | starts | ends, max_size=5)
NEARLY = ("\r\n", "\n", "\ufeff", "    ", "try=1", "2026-13-45T99:99Z note        - x\n", "2026-11-20T23:47Z note        a%20b%zz x\n")
lookalikes = st.sampled_from([*SAMPLE.splitlines(keepends=True), *NEARLY])
anything = st.lists(lookalikes | st.text(max_size=20), max_size=12).map("".join)


@given(blocks)
def test_what_is_rendered_is_parsed_back(items: list[Item]) -> None:
    assert parse(render(items)) == tuple(items)


@given(anything)
def test_any_text_whatever_survives_parsing_byte_for_byte(text: str) -> None:
    assert render(parse(text)) == text


@given(anything, blocks)
def test_entries_follow_any_text_on_lines_of_their_own(text: str, items: list[Item]) -> None:
    whole = text + appended(text, items)
    assert render(parse(whole)) == whole
    assert not items or [item for item in parse(whole) if not isinstance(item, Text)][-len(items) :] == items


def test_the_sample_of_the_design_is_four_items_and_no_text() -> None:
    start, rejected, finding, end = parse(SAMPLE)
    assert isinstance(start, RunStart)
    assert dict(start.fields)["budget"] == "$40.00"
    assert rejected == Entry(
        at=AT,
        word="rejected",
        feature="US-033",
        tries=1,
        minutes=48,
        usd=3.41,
        rule="ratchet.test-removed",
        title="Search ignores accents",
        details=(
            "2 tests gone: test_search.py::test_exact_accent, ::test_accent_rank; restored, the rest is carried on",
            "session r-20261120-220100-s03  digest 4f1c2a",
        ),
    )
    assert isinstance(finding, Entry)
    assert (finding.word, finding.feature) == ("finding", "N-7f3k2")
    assert isinstance(end, RunEnd)
    assert len(end.details) == 2
