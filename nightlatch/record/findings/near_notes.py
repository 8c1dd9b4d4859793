"""Notes in a form that is nearly right, as agents write them from memory: made into the right
one, or left as they are."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

LINES = 80  # of one note that is spread over lines
LONGEST = 2_000
TEXTS = ("claim", "next", "why", "choice")
KEYS = {
    "status": "state",
    "finding": "claim",
    "text": "claim",
    "note": "claim",
    "summary": "claim",
    "message": "claim",
    "statement": "claim",
    "type": "kind",
    "cite": "cites",
    "citations": "cites",
    "next_action": "next",
    "next_step": "next",
    "todo": "next",
    "reproduce": "reproduction",
    "repro": "reproduction",
    "proof": "evidence",
    "reason": "why",
    "contradicts": "challenge",
}
STATES = {
    "verified": ("verified", "confirmed", "true", "proven", "proved", "fact"),
    "rejected": (
        "rejected",
        "ruled out",
        "ruled_out",
        "ruled-out",
        "disproved",
        "disproven",
        "refuted",
        "false",
        "wrong",
    ),
    "open": ("open", "question", "unknown", "unverified", "hypothesis", "unclear"),
    "blocked": ("blocked", "waiting", "stuck"),
}
KINDS = ("finding", "decision", "pattern")
WORDS = {word: state for state, words in STATES.items() for word in words}
COMMAND, FILE = ("command", "cmd", "run", "shell"), ("file", "path", "log")
SAID = "|".join(sorted(map(re.escape, (*WORDS, *KINDS[1:])), key=len, reverse=True))
SPOKEN = re.compile(rf"[-*\s]*\[?({SAID})\]?\s*[:–-]\s+(\S.*)", re.IGNORECASE)
RATE = re.compile(r"(\d+)\s*(?:/|of)\s*(\d+)")


def joined(lines: Iterable[str], *, over: bool = True) -> Iterator[str]:
    """Yield the lines, those of one JSON text together, the items of a list apart, without the
    fences of Markdown.

    What has no end yet is left out until the session is `over`.
    """
    begun: list[str] = []
    for line in lines:
        if line.strip().startswith("```"):
            continue
        # A text that never ends must not take the notes after it with it.
        if begun and (opens_json(line) or len(begun) >= LINES):
            yield from begun
            begun = []
        if not begun and stands_alone(line):
            yield from items(line)
            continue
        begun.append(line)
        if is_json("\n".join(begun)):
            yield from items(json.dumps(json.loads("\n".join(begun))))
            begun = []
    if over or len(begun) > LINES:
        yield from begun


def opens_json(line: str) -> bool:
    return line.startswith(("{", "["))


def stands_alone(line: str) -> bool:
    """Is a line not the beginning of a JSON text that goes on below it?"""
    return not opens_json(line) or is_json(line)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def items(line: str) -> Iterator[str]:
    """Yield the notes of a line: its own text, or each of a list of objects."""
    found = json.loads(line) if line.startswith("[") and is_json(line) else None
    if isinstance(found, list) and found and all(isinstance(each, dict) for each in found):
        yield from map(json.dumps, found)
    else:
        yield line


def mended(text: str) -> str:
    """Return a line that is no note, put so that it may be one; the same where that cannot be
    told."""
    try:
        note = json.loads(text)
    except (ValueError, RecursionError):
        said = SPOKEN.fullmatch(text.strip())
        return json.dumps(claimed(said[1], said[2])) if said else text
    return json.dumps(note_of(note)) if isinstance(note, dict) else text


def claimed(word: str, claim: str) -> dict[str, object]:
    word = word.casefold()
    return {
        "claim": claim[:LONGEST],
        **({"kind": word} if word in KINDS else {"state": WORDS[word]}),
    }


def note_of(given: Mapping[str, object]) -> dict[str, object]:
    """Return the note with the names and forms of the schema; what is unknown stays, for the schema
    to refuse."""
    note = with_names(given)
    set_state_and_kind(note)
    forms: dict[str, Callable[[object], object]] = {
        "evidence": lambda value: [proof_of(proof) for proof in listed(value)],
        "cites": lambda value: [cite_of(cite) for cite in listed(value)],
        "alternatives": listed,
        # How often it fails often stands beside the command, and not in it.
        "reproduction": lambda value: reproduction_of(value, note.pop("fails", None)),
    }
    for name, form in forms.items():
        if name in note:
            note[name] = form(note[name])
    return note


def with_names(given: Mapping[str, object]) -> dict[str, object]:
    """Return what a note says under the names of the schema, without what is empty."""
    note: dict[str, object] = {}
    for key, value in given.items():
        name = key.casefold()
        # Of two names for one thing the right one counts: the other stays, and is refused.
        if KEYS.get(name) not in given:
            name = KEYS.get(name, name)
        if value not in (None, "", []):
            note[name] = value[:LONGEST] if name in TEXTS and isinstance(value, str) else value
    return note


def set_state_and_kind(note: dict[str, object]) -> None:
    """Put the words of state and kind where they belong: agents take one for the other."""
    for name in ("state", "kind"):
        word = str(note.pop(name, "")).casefold().strip()
        if word:
            note["kind" if word in KINDS else "state"] = WORDS.get(word, word)


def listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def proof_of(value: object) -> object:
    """Return a command, a file or a trace; what a command printed is for the loop to see."""
    if not isinstance(value, dict):
        return value
    command, file = (
        next((value[name] for name in names if name in value), None) for names in (COMMAND, FILE)
    )
    known = {
        "command": command,
        "file": file,
        "trace": value.get("trace"),
        "says": value.get("says"),
    }
    return {name: each for name, each in known.items() if each not in (None, "")} or value


def cite_of(value: object) -> object:
    """`path:10-20`, also of an object with path and lines."""
    if not isinstance(value, dict):
        return value
    path = next((value[name] for name in ("path", "file") if name in value), None)
    lines = value.get("lines", value.get("line"))
    if not path or lines is None:
        return path or value
    where = "-".join(map(str, lines)) if isinstance(lines, list) else str(lines)
    return f"{path}:{where}" if where else path


def reproduction_of(value: object, fails: object) -> object:
    """Return a command with how often it fails, also of a command alone and of a rate such as
    3/10."""
    if isinstance(value, str):
        note: dict[str, object] = {"command": value}
    elif isinstance(value, dict):
        note = dict(value)
    else:
        return value
    command = next((note.pop(name) for name in COMMAND if name in note), None)
    inside = note["fails"] if isinstance(note.get("fails"), str) else fails
    rate = RATE.fullmatch(str(note.pop("rate", None) or inside or ""))
    if rate:
        note |= {"fails": int(rate[1]), "of": int(rate[2])}
    return note | ({"command": command} if command else {})
