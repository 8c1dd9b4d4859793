"""`nightlatch note` as an agent finds it on its PATH: one line for $NIGHTLATCH_OUT/notes.jsonl, with nothing but the standard library."""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STATES, KINDS = ("open", "verified", "rejected", "blocked"), ("decision", "pattern")
LONGEST = 2_000
WORDS = (*STATES, *KINDS, "challenge")
EXAMPLE = """examples:
  nightlatch note open "403 after accepting an invite" --reproduce ./invite.sh --fails 3/10 --next "log the session in src/auth.py"
  nightlatch note rejected "the rate limiter causes it" --evidence "./invite.sh --no-limiter; test $? = 1" --cite src/limit.py:10-30
  nightlatch note challenge N-7f3k2 --evidence "grep -q index schema.sql" "there is an index"
verified, rejected: what the command shows; it is recorded as open until the loop has run the command itself."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # it raises instead of ending the program
        raise ValueError(message)


def parser() -> Parser:
    made = Parser(prog="nightlatch note", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("word", choices=WORDS, help="what you hold the claim to be, or what it is")
    made.add_argument("text", nargs="+", help="the claim in a sentence; for challenge first the finding's id")
    made.add_argument("--evidence", action="append", default=[], metavar="CMD", help="a command that succeeds because the claim is so")
    made.add_argument("--file", action="append", default=[], metavar="PATH", help="a log or a picture that shows it")
    made.add_argument("--trace", action="append", default=[], metavar="ID", help="the name of a trace or run that shows it")
    made.add_argument("--cite", action="append", default=[], metavar="PATH:10-20", help="the code that it is about")
    made.add_argument("--reproduce", metavar="CMD", help="a command that fails")
    made.add_argument("--fails", metavar="3/10", help="how often it fails (always, if not said)")
    made.add_argument("--base", action="store_true", help="the claim is about the code as it was before this session")
    made.add_argument("--state", choices=STATES, help="with challenge: what the finding is now; only a person's word settles it")
    made.add_argument("--next", metavar="TEXT", help="what to do next, and where")
    made.add_argument("--feature", metavar="F", help="the feature that it belongs to")
    for name in ("choice", "why"):
        made.add_argument(f"--{name}", metavar="TEXT", help="of a decision")
    made.add_argument("--alternatives", action="append", metavar="TEXT", help="of a decision; may be given again")
    return made


def read(args: Sequence[str]) -> dict[str, object]:
    """The note that these words make; ValueError where they make none."""
    given = parser().parse_intermixed_args(args)
    against = [given.text.pop(0)] if given.word == "challenge" else []
    claim = " ".join(given.text).strip()
    proof = [{kind: text} for kind in ("file", "trace") for text in getattr(given, kind)]
    note = {
        "claim": claim,
        "state": given.word if given.word in STATES else given.state,
        "kind": given.word if given.word in KINDS else None,
        "challenge": against[0] if against else None,
        "evidence": [*given.evidence, *proof],
        "cites": given.cite,
        "reproduction": {"command": given.reproduce, **rate(given.fails)} if given.reproduce else None,
        "at": "base" if given.base else None,
        **{name: getattr(given, name) for name in ("next", "feature", "choice", "why", "alternatives")},
    }
    if not claim or max(map(len, (claim, given.next or "", given.why or ""))) > LONGEST:
        raise ValueError(f"a text is empty or longer than {LONGEST} characters; put the rest in a file and name it with --file")
    if against and not note["evidence"]:
        raise ValueError("a finding is challenged with evidence or not at all: give --evidence CMD or --file PATH")
    if given.state and not against:
        raise ValueError("--state belongs to challenge; else the first word says it")
    if given.fails and not given.reproduce:
        raise ValueError("--fails says how often the command of --reproduce fails; give that too")
    return {name: value for name, value in note.items() if value not in (None, [])}


def rate(text: str | None) -> dict[str, int]:
    found = re.fullmatch(r"(\d{1,3})(?:/| of )(\d{1,3})", text or "1/1")
    if not found or not 0 < int(found[1]) <= int(found[2]):
        raise ValueError(f"--fails {text} is not how often of how often, such as 3/10")
    return {"fails": int(found[1]), "of": int(found[2])}


def append(out: Path, note: Mapping[str, object]) -> None:
    """One write at the end of the file, on a line of its own."""
    handle = os.open(out / "notes.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    size = os.fstat(handle).st_size
    torn = size and os.pread(handle, 1, size - 1) != b"\n"
    os.write(handle, ("\n" * bool(torn) + json.dumps(note) + "\n").encode())
    os.close(handle)


def main(args: Sequence[str], environ: Mapping[str, str]) -> int:
    if args[:1] != ["note"]:
        print("nightlatch: in a workspace there is `nightlatch note`, and nothing else; findings are in findings/*.toml", file=sys.stderr)
        return 2
    try:
        note = read(args[1:])
        append(Path(environ["NIGHTLATCH_OUT"]), note)
    except (ValueError, OSError) as error:
        print(f"nightlatch: {error}\nfix: nightlatch note --help", file=sys.stderr)
        return 2
    print("noted; the loop runs what it claims when this session is over")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
