"""Notes as agents write them from memory: mended where it is clear what is meant, left alone
where it is not."""

import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from nightlatch.record.findings.findings import Finding
from nightlatch.record.findings.near_notes import joined
from nightlatch.record.findings.notes import problem, take, trials

SCHEMA = json.loads(files("nightlatch").joinpath("schema/note.json").read_text(encoding="utf-8"))
AT = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)


def taken(line: str) -> Finding:
    assert problem(line, SCHEMA), "it is nearly right, and no more"
    [note] = take([line], SCHEMA, "US-001", "s1", AT)
    assert note.finding
    return note.finding


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"claim": "it is the cache", "status": "Confirmed"}', "verified"),
        ('{"finding": "it is the cache", "state": "ruled out"}', "rejected"),
        ('{"claim": "it is the cache", "type": "hypothesis"}', "open"),
        ('{"Claim": "it is the cache", "State": "BLOCKED"}', "blocked"),
        ('{"claim": "it is the cache", "state": "false", "next": null}', "rejected"),
        ("rejected: it is the cache", "rejected"),
        ("- [verified] - it is the cache", "verified"),
        ("Ruled out: it is the cache", "rejected"),
    ],
)
def test_a_state_in_other_words_is_understood(line: str, says: str) -> None:
    found = taken(line)
    assert (found.claim, found.says, found.remarks.why) == ("it is the cache", says, "")


@pytest.mark.parametrize(
    ("more", "commands", "cites"),
    [
        ('"evidence": [{"cmd": "test -f a.py", "exit": 0, "output": "x"}]', ["test -f a.py"], []),
        (
            '"evidence": {"run": "test -f a.py"}, "cite": "src/a.py:3-9"',
            ["test -f a.py"],
            [("src/a.py", (3, 9))],
        ),
        (
            '"cites": [{"file": "src/a.py", "lines": [3, 9]}, {"path": "b.py", "line": 7}]',
            [],
            [("src/a.py", (3, 9)), ("b.py", (7, 7))],
        ),
        ('"reproduce": "./a.sh", "fails": "3/10"', ["./a.sh"], []),
        ('"reproduction": {"cmd": "./a.sh", "rate": "3 of 10"}', ["./a.sh"], []),
    ],
)
def test_evidence_and_cites_in_other_forms_are_understood(
    more: str, commands: list[str], cites: list[object]
) -> None:
    found = taken(f'{{"claim": "x", {more}}}')
    assert [each.command for each in trials(found)] == commands
    assert [(each.path, each.lines) for each in found.grounds.cites] == cites
    assert (found.grounds.reproduction is None) or (
        found.grounds.reproduction.fails,
        found.grounds.reproduction.of,
    ) == (
        3,
        10,
    )


def test_a_claim_that_is_too_long_is_cut_and_what_is_not_clear_stays_text_with_what_to_write() -> (
    None
):
    assert len(taken(json.dumps({"claim": "x" * 5_000})).claim) == 2_000
    assert (
        "`nightlatch note --help` says how to write it"
        in taken("I looked into the cache").remarks.why
    )


def test_a_note_over_many_lines_is_one_note_and_a_list_is_as_many_as_it_has() -> None:
    notes = [
        {"claim": "a", "state": "open", "evidence": [{"command": "true"}]},
        {"claim": "b", "state": "open"},
    ]
    pretty = "\n".join(json.dumps(each, indent=2) for each in notes)
    assert [json.loads(each) for each in joined(pretty.splitlines())] == notes
    assert [json.loads(each) for each in joined(json.dumps(notes, indent=2).splitlines())] == notes
    assert [json.loads(each) for each in joined(["```json", *pretty.splitlines(), "```"])] == notes
    plain = ['{"claim":  "spaces"}', "a text", '{"claim": "torn', '{"claim": "c"}']
    assert [*joined(plain)] == plain


def test_a_note_without_its_end_waits_until_the_session_is_over() -> None:
    begun = ['{"claim": "a"}', "{", '  "claim": "b",']
    assert [*joined(begun, over=False)] == begun[:1]
    assert [*joined(begun)] == begun
