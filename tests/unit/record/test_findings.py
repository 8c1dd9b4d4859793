"""Findings: their files give back what was written, and nobody's word amounts to more than it may.

NIGHTLATCH_MANY=1 tries 20,000 random findings instead of a few hundred.
"""

import os
import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlatch.errors import FindingError
from nightlatch.record.findings.findings import (
    Author,
    Cite,
    Evidence,
    Finding,
    FindingEvent,
    FindingKind,
    Grounds,
    ObservedRuns,
    Origin,
    Remarks,
    Reproduction,
    State,
    added,
    challenge,
    event_text,
    read,
    render,
    ruled,
)
from tests.conftest import tries

MANY = 20_000 if os.environ.get("NIGHTLATCH_MANY") else tries(300)
AT = datetime(2026, 11, 21, 6, 10, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
COUNTS = st.integers(0, 10**6)
STATES = st.sampled_from(State)
EVIDENCE = st.builds(
    Evidence,
    command=TEXTS,
    exit=st.none() | st.integers(-255, 255),
    digest=TEXTS,
    file=TEXTS,
    sha256=TEXTS,
    trace=TEXTS,
    says=TEXTS,
)
CITES = st.builds(
    Cite,
    path=TEXTS,
    lines=st.none() | st.tuples(COUNTS, COUNTS),
    commit=TEXTS,
    blob=TEXTS,
    text=TEXTS,
    symbol=TEXTS,
    syntax=TEXTS,
)
PROOF = {
    "evidence": st.lists(EVIDENCE, max_size=2).map(tuple),
    "cites": st.lists(CITES, max_size=2).map(tuple),
}
EVENTS = st.builds(
    FindingEvent,
    at=MOMENTS,
    by=st.sampled_from(Author),
    session=TEXTS,
    state=st.none() | STATES,
    challenge=st.booleans(),
    why=TEXTS,
    observed=st.builds(ObservedRuns, failed=COUNTS, runs=COUNTS, commit=TEXTS),
    next=TEXTS,
    **PROOF,
)
FINDINGS = st.builds(
    Finding,
    id=TEXTS,
    kind=st.sampled_from(FindingKind),
    feature=TEXTS,
    claim=TEXTS,
    born=STATES,
    says=STATES,
    origin=st.builds(Origin, by=st.sampled_from(Author), session=TEXTS, at=MOMENTS),
    remarks=st.builds(
        Remarks,
        choice=TEXTS,
        why=TEXTS,
        alternatives=st.lists(TEXTS, max_size=2).map(tuple),
        next=TEXTS,
    ),
    grounds=st.builds(
        Grounds,
        reproduction=st.none() | st.builds(Reproduction, command=TEXTS, fails=COUNTS, of=COUNTS),
        **PROOF,
    ),
    events=st.lists(EVENTS, max_size=3).map(tuple),
)
PLAIN = Finding(
    id="N-7f3k2", claim="Date sort is slow", origin=Origin(by=Author.AGENT, at=AT), feature="US-033"
)


@settings(max_examples=MANY, derandomize=MANY < 1000)
@given(FINDINGS)
def test_a_file_gives_back_the_finding_that_was_written(finding: Finding) -> None:
    text = render(finding)
    assert read(text, "f") == finding
    assert read(f"# by hand\n{text}", "f") == finding  # the whole grammar of TOML
    assert tomllib.loads(text)["id"] == finding.id


@settings(max_examples=MANY // 3, derandomize=MANY < 1000)
@given(FINDINGS, EVENTS)
def test_an_event_is_a_plain_append(finding: Finding, event: FindingEvent) -> None:
    text = render(finding)
    grown = added(text, event)
    assert grown.startswith(text)
    assert read(grown, "f") == replace(finding, events=(*finding.events, event))
    assert grown == text + event_text(event)


@pytest.mark.parametrize("says", State)
@pytest.mark.parametrize("seen", [False, True])
def test_an_agents_word_is_open_whatever_it_writes(says: State, *, seen: bool) -> None:
    assert ruled(Author.AGENT, says, seen=seen) is State.OPEN


@pytest.mark.parametrize("says", [State.VERIFIED, State.REJECTED])
def test_only_the_loop_after_its_own_run_and_a_person_write_verified_and_rejected(
    says: State,
) -> None:
    assert ruled(Author.LOOP, says) is State.OPEN
    assert ruled(Author.LOOP, says, seen=True) is says
    assert ruled(Author.PERSON, says) is says


def test_the_last_event_that_has_a_state_has_the_word() -> None:
    confirmed = FindingEvent(
        at=AT,
        by=Author.LOOP,
        state=State.VERIFIED,
        observed=ObservedRuns(runs=9, failed=3),
        next="fix it",
    )
    finding = replace(PLAIN, events=(confirmed, FindingEvent(at=AT, by=Author.AGENT)))
    assert (finding.born, finding.state, finding.failure_rate, finding.next_action) == (
        State.OPEN,
        State.VERIFIED,
        (3, 9),
        "fix it",
    )


def test_a_challenge_without_evidence_is_refused_and_with_evidence_changes_no_state_by_itself() -> (
    None
):
    with pytest.raises(FindingError, match="a challenge needs evidence"):
        challenge(AT, Author.AGENT, "no, it is the cache", ())
    against = challenge(
        AT,
        Author.AGENT,
        "no, it is the cache",
        (Evidence(command="./slow.sh"),),
        state=State.REJECTED,
    )
    both = read(added(render(replace(PLAIN, born=State.VERIFIED)), against), "f")
    assert (both.state, both.claim, both.challenges) == (
        State.VERIFIED,
        "Date sort is slow",
        (against,),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id = 3\n",
        render(PLAIN).replace('"open"', '"certain"'),
        render(PLAIN).replace("2026", "when"),
        "\x00",
        'id = "N"\nid = "N"\n',
    ],
)
def test_what_is_no_finding_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(FindingError, match="not a valid finding"):
        read(text, "findings/N-1.toml")


def test_unknown_keys_and_other_ways_to_write_toml_are_read() -> None:
    text = f"# mine\nmore = {{ a = 1 }}\n{render(PLAIN)}".replace(
        '"2026-11-21T06:10:00Z"', "2026-11-21T06:10:00Z"
    )
    assert read(text, "f") == PLAIN
