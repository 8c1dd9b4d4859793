"""Thirty restart notes: fifteen that somebody can go on from, and fifteen that are bad, each in
a way of its own."""

import tomllib
from collections.abc import Mapping

import pytest

from nightlatch.prompt.handoff.lint import lint
from tests import ROOT

DATA = tomllib.loads((ROOT / "nightlatch/shipped/lint.toml").read_text())
GOOD = """# 403 after an invite

## Objective

A guest who accepts an invite gets in. I looked into the mail first.

## Reproduction

- `./invite.sh` fails 3 of 10

## Done

- ran `./invite.sh` 20 times: failed 6 of 20
- added tests/test_invite.py, which fails for the same reason

## Verified

- The session is read before it is written: `grep -n session src/auth.py` exit 0

## Rejected

- The rate limiter causes it: `./invite.sh --no-limiter` failed 4 of 10

## Open

- Does the second worker see the cookie?

## Next action

Move the write in src/auth.py:20 above the redirect
"""
LOG = "\n".join(f"2026-11-20 22:01:{n:02} ERROR 403 for guest {n}" for n in range(8))
REPRODUCTION = "- `./invite.sh` fails 3 of 10"
CAUSE = "- The session is read before it is written: `grep -n session src/auth.py` exit 0"
LIMITER = "`./invite.sh --no-limiter` failed 4 of 10"
NEXT = "Move the write in src/auth.py:20 above the redirect"
STEP = "- added tests/test_invite.py, which fails for the same reason"
OPEN = "- Does the second worker see the cookie?"

OPERATIONAL: Mapping[str, tuple[str, str]] = {
    "as it is": ("", ""),
    "a fenced reproduction": (REPRODUCTION, "```sh\n./invite.sh\n```"),
    "another heading": ("## Reproduction", "### How to reproduce:"),
    "a checklist": ("- ran `", "- [x] ran `"),
    "numbered steps": ("- ran `", "1. ran `"),
    "evidence in a file": (LIMITER, "see logs/limiter.log"),
    "evidence by line": (LIMITER, "src/limit.py:30 returns before"),
    "evidence by exit code": (LIMITER, "without it exit code 1"),
    "evidence by link": (LIMITER, "https://example.org/runs/7"),
    "evidence under its id": (
        CAUSE,
        (
            "- N-7f3k2 by loop: `read before written`\n\n## Evidence\n\n- N-7f3k2: `grep -n session"
            " src/auth.py`"
        ),
    ),
    "a function to change": (NEXT, "Write the session in accept_invite() before it redirects"),
    "a test to mend": (NEXT, "- Fix tests/test_invite.py::test_guest"),
    "nothing rejected": (f"- The rate limiter causes it: {LIMITER}", "None."),
    "a short excerpt": (OPEN, f"{OPEN}\n\n```\n$ ./invite.sh\n403\n```"),
    "a stale one under Stale": (OPEN, f"{OPEN}\n\n## Stale\n\n- N-00001 check again"),
}
BAD: Mapping[str, tuple[str, str, str]] = {
    "no reproduction": ("note.no-reproduction", f"## Reproduction\n\n{REPRODUCTION}", ""),
    "an empty reproduction": ("note.no-reproduction", REPRODUCTION, "None."),
    "no next action": ("note.no-next", f"## Next action\n\n{NEXT}", ""),
    "an empty next action": ("note.no-next", NEXT, ""),
    "going on": ("note.vague-next", NEXT, "Continue with src/auth.py"),
    "nowhere": ("note.vague-next", NEXT, "Fix the bug"),
    "one word": ("note.vague-next", NEXT, "src/auth.py"),
    "a bare claim": ("note.no-evidence", f": {LIMITER}", ""),
    "a quoted command that is the claim": (
        "note.no-evidence",
        CAUSE,
        "- N-7f3k2 by agent: `sh x; exit 0`",
    ),
    "looked into": ("note.looked-into", OPEN, "- Looked into the cookie"),
    "a step without outcome": ("note.no-outcome", STEP, "- edited tests/test_invite.py"),
    "a log": ("note.transcript", OPEN, f"```\n{LOG}\n```"),
    "a talk": ("note.transcript", OPEN, "User: does it work?\nAssistant: let me see"),
    "raw data": ("note.raw-data", OPEN, "```\n" + '{"guest": 1, "status": 403}\n' * 6 + "```"),
    "an old finding": ("note.stale", OPEN, "- N-00001: is it the cookie?"),
}


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1) if old else GOOD


@pytest.mark.parametrize("name", OPERATIONAL)
def test_a_note_that_somebody_can_go_on_from_has_no_flaw(name: str) -> None:
    assert lint(changed(*OPERATIONAL[name]), DATA["words"], {"N-00001"}) == ()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_note_is_told_by_its_one_rule(name: str) -> None:
    rule, old, new = BAD[name]
    assert [flaw.rule for flaw in lint(changed(old, new), DATA["words"], {"N-00001"})] == [rule]


def test_there_are_thirty_notes_and_every_rule_is_broken_by_one() -> None:
    assert len(OPERATIONAL) == len(BAD) == 15
    assert {rule for rule, *_ in BAD.values()} == set(DATA["rules"])


@pytest.mark.parametrize("text", ["", "\x00\x1b[2J", "## \n- \n```", "```\n" * 7, "- " * 500])
def test_any_text_is_a_note(text: str) -> None:
    assert "note.no-next" in [flaw.rule for flaw in lint(text, DATA["words"])]
