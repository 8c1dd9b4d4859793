"""`nightlatch note` as an agent finds it on its PATH, with nothing but the standard library:
one line for $NIGHTLATCH_OUT/notes.jsonl, and what is known, from the files of the checkout.
"""

import argparse
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

STATES, KINDS = ("open", "verified", "rejected", "blocked"), ("decision", "pattern")
LONGEST = 2_000
LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
WORDS = (*STATES, *KINDS, "challenge")
EXAMPLE = """examples:
  nightlatch note open "403 after accepting an invite" --reproduce ./invite.sh --fails 3/10 \
--next "log the session in src/auth.py"
  nightlatch note rejected "the rate limiter causes it" --evidence \
"./invite.sh --no-limiter; test $? = 1" --cite src/limit.py:10-30
  nightlatch note challenge N-7f3k2 --evidence "grep -q index schema.sql" "there is an index"
  nightlatch note challenge N-9b2m4 --state rejected --evidence ./bench.sh \
"the open question is settled: it takes 3 ms"
  nightlatch note list
  nightlatch note show N-7f3k2
verified, rejected: what the command shows; it is recorded as open until the loop has \
run the command itself."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # it raises instead of ending the program
        raise ValueError(message)


def parser() -> Parser:
    made = Parser(
        prog="nightlatch note", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("word", choices=WORDS, help="what you hold the claim to be, or what it is")
    made.add_argument(
        "text", nargs="+", help="the claim in a sentence; for challenge first the finding's id"
    )
    made.add_argument(
        "--evidence",
        action="append",
        default=[],
        metavar="CMD",
        help="a command that succeeds because the claim is true",
    )
    made.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="a log or a picture that shows it",
    )
    made.add_argument(
        "--trace",
        action="append",
        default=[],
        metavar="ID",
        help="the name of a trace or run that shows it",
    )
    made.add_argument(
        "--cite",
        action="append",
        default=[],
        metavar="PATH:10-20",
        help="the code that it is about",
    )
    made.add_argument("--reproduce", metavar="CMD", help="a command that fails")
    made.add_argument("--fails", metavar="3/10", help="how often it fails (default: always)")
    made.add_argument(
        "--base",
        action="store_true",
        help="the claim is about the code as it was before this session",
    )
    made.add_argument(
        "--state",
        choices=STATES,
        help="with challenge: the new state; it counts once the loop has checked it",
    )
    made.add_argument("--next", metavar="TEXT", help="what to do next, and where")
    made.add_argument("--feature", metavar="F", help="the feature that it belongs to")
    for name in ("choice", "why"):
        made.add_argument(f"--{name}", metavar="TEXT", help="of a decision")
    made.add_argument(
        "--alternatives", action="append", metavar="TEXT", help="of a decision; may be given again"
    )
    return made


def read(args: Sequence[str]) -> dict[str, object]:
    """Return the note that these words make; ValueError where they make none."""
    given = parser().parse_intermixed_args(args)
    against = given.text.pop(0) if given.word == "challenge" else None
    proof = [{kind: text} for kind in ("file", "trace") for text in getattr(given, kind)]
    note = {
        "claim": " ".join(given.text).strip(),
        "state": given.word if given.word in STATES else given.state,
        "kind": given.word if given.word in KINDS else None,
        "challenge": against,
        "evidence": [*given.evidence, *proof],
        "cites": given.cite,
        "reproduction": (
            {"command": given.reproduce, **rate(given.fails)} if given.reproduce else None
        ),
        "at": "base" if given.base else None,
        **{
            name: getattr(given, name)
            for name in ("next", "feature", "choice", "why", "alternatives")
        },
    }
    check_texts(note)
    check_options(note, given)
    return {name: value for name, value in note.items() if value not in (None, [])}


def check_texts(note: Mapping[str, object]) -> None:
    """Raise ValueError for a claim that is empty, and for texts that are too long."""
    # Here the agent can still put the rest elsewhere: later it would be cut off.
    texts = [str(note[name] or "") for name in ("claim", "next", "why")]
    if not note["claim"] or any(len(text) > LONGEST for text in texts):
        raise ValueError(
            f"a text is empty or longer than {LONGEST} characters; put the rest in a file and name"
            " it with --file"
        )


def check_options(note: Mapping[str, object], given: argparse.Namespace) -> None:
    """Raise ValueError for options that mean nothing with each other."""
    is_challenge = note["challenge"] is not None
    if is_challenge and not note["evidence"]:
        raise ValueError("a challenge needs evidence: give --evidence CMD or --file PATH")
    if given.state and not is_challenge:
        raise ValueError("--state is only valid with `challenge`")
    if given.fails and not given.reproduce:
        raise ValueError("--fails is only valid with --reproduce, whose command it counts")


def rate(text: str | None) -> dict[str, int]:
    found = re.fullmatch(r"(\d{1,3})(?:/| of )(\d{1,3})", text or "1/1")
    if not found or not 0 < int(found[1]) <= int(found[2]):
        raise ValueError(f"--fails {text} is not FAILED/RUNS, such as 3/10")
    return {"fails": int(found[1]), "of": int(found[2])}


def append(out: Path, note: Mapping[str, object]) -> str:
    """Write a line at the end of the file, on a line of its own and at once, and return it."""
    handle = os.open(out / "notes.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    size, line = os.fstat(handle).st_size, json.dumps(note)
    # An agent may have written there itself, without a line end: two notes on a line are none.
    torn = size and os.pread(handle, 1, size - 1) != b"\n"
    os.write(handle, ("\n" * bool(torn) + line + "\n").encode())
    os.close(handle)
    return line


def name_of(session: str, line: str) -> str:
    """Return the id that the loop will give to a line: core.notes.name_of, of which a workspace has
    no package. A test holds them together."""
    number = int.from_bytes(
        sha256(f"{session}\0{line}".encode("utf-8", "surrogatepass")).digest()[:8]
    )
    return "N-" + "".join(LETTERS[number >> shift & 31] for shift in range(0, 35, 5))


def findings_here(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(id, finding, text) of what is on record in the checkout that one stands in, then of what
    this session has noted."""
    here = Path.cwd()
    folder = next(
        (each for each in (place / "findings" for place in (here, *here.parents)) if each.is_dir()),
        None,
    )
    for file in sorted(folder.glob("N-*.toml")) if folder else ():
        text = file.read_text(encoding="utf-8", errors="replace")
        try:
            yield file.stem, tomllib.loads(text), text
        except ValueError:
            yield file.stem, {"claim": "the file cannot be read"}, text
    # Also what this session noted: it would else note the same once more.
    notes = Path(environ["NIGHTLATCH_OUT"], "notes.jsonl")
    for line in (
        notes.read_text(encoding="utf-8", errors="replace").splitlines() if notes.is_file() else ()
    ):
        try:
            noted = json.loads(line)
        except ValueError:
            noted = None
        if isinstance(noted, dict) and "challenge" not in noted:
            yield (
                name_of(environ.get("NIGHTLATCH_SESSION", ""), line.strip()),
                {**noted, "state": "open", "by": "agent"},
                line,
            )


def state_of(found: Mapping[str, Any]) -> str:
    """As the last event left it; whether the code that it cites has changed since is looked at
    outside."""
    events = found.get("event", [])
    return str(
        next(
            (each["state"] for each in reversed(events) if "state" in each),
            found.get("state", "open"),
        )
    )


def look(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """`list`, or `show ID`, in a workspace."""
    given = Parser(prog=f"nightlatch note {words[0]}")
    given.add_argument("id", nargs=None if words[0] == "show" else "?", help="of a finding")
    given.add_argument("--feature", metavar="F", help="of this feature only")
    given.add_argument("--state", choices=STATES, help="of this state only")
    wanted = given.parse_args(words[1:])
    found = [each for each in findings_here(environ) if wanted.id in (None, each[0])]
    if wanted.id and not found:
        raise ValueError(f"finding {wanted.id!r} not found: see nightlatch note list")
    for name, each, text in found:
        state = state_of(each)
        feature = str(each.get("feature", "") or environ.get("NIGHTLATCH_FEATURE", ""))
        if words[0] == "show":
            print(text)
        elif wanted.feature in (None, feature) and wanted.state in (None, state):
            print(
                " ".join(
                    f"{name} {state:<8} {each.get('by', ''):<6} {feature or '-'}"
                    f" {each.get('claim', '')}".split("\n")
                )[:200]
            )
    return 0


def main(args: Sequence[str], environ: Mapping[str, str]) -> int:
    if args[:1] != ["note"]:
        print(
            "nightlatch: in a workspace only `nightlatch note` is available; findings are in"
            " findings/*.toml",
            file=sys.stderr,
        )
        return 2
    try:
        if args[1:2] in (["list"], ["show"]):
            return look(args[1:], environ)
        note = read(args[1:])
        line = append(Path(environ["NIGHTLATCH_OUT"]), note)
    except (ValueError, OSError) as error:
        print(f"nightlatch: {error}\nfix: nightlatch note --help", file=sys.stderr)
        return 2
    name = note.get("challenge") or name_of(environ.get("NIGHTLATCH_SESSION", ""), line)
    print(f"noted {name}; the loop checks the claim when this session is over")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
