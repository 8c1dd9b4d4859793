"""Secrets in texts: values that are known and shapes that keys have, found, and hidden before
anything is written."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

NAMES = re.compile(
    r"(?:_|\A)(?:API)?(?:KEY|TOKEN)\Z|SECRET|PASSWORD|PASSWD|PASSPHRASE", re.IGNORECASE
)
# Letters of a variable's value: a shorter one, or a plain word, stands in texts by chance.
SHORTEST, PLAIN_WORD = 8, 16
ALLOWED = "nightlatch: allow-secret"
# Letters of a key in one word, and of one in a block of lines, as a private key is.
LONGEST_KEY = 4_096
LONGEST_BLOCK = 24_000
# Letters at the end of a text among which the beginning of a key is looked for.
NEAR = 120
BEGIN, END = "-----BEGIN ", re.compile(r"-----END [A-Z ]{0,40}-----")
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/=.:@~%!$&*#^"
AT_START = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf]))"  # what was encoded twice has an escape before it
# Letters and lines that wait for the rest of a secret: what an agent prints must not fill memory.
MOST_HELD, MOST_LINES = 64_000, 256
# Fields that hold a word of the protocol, which no next line goes on with: they need not wait.
NO_TEXT = frozenset(
    {
        "kind",
        "type",
        "subtype",
        "id",
        "role",
        "status",
        "tool",
        "name",
        "uuid",
        "session_id",
        "model",
        "timestamp",
    }
)
Holder: TypeAlias = Any  # a dictionary or a list of JSON, in which a string has a key


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The shape of one kind of key: a pattern, tried at most `lead` characters before one of the
    `marks`; `inside`: it may follow on a letter. `begins` is what a text may stop with."""

    name: str
    marks: tuple[str, ...]
    pattern: str
    inside: bool = False
    lead: int = 0
    begins: str = ""

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(self.pattern if self.inside else f"{AT_START}(?:{self.pattern})")

    @cached_property
    def beginning(self) -> re.Pattern[str]:
        return re.compile(rf"{'' if self.inside else AT_START}(?:{self.begins})\Z")

    def may_begin(self, text: str) -> bool:
        """Return whether a text stops with what may be the beginning of a key."""
        near = text[-NEAR:]
        if self.inside and not any(mark in near for mark in self.marks):
            return False
        return self.beginning.search(near if self.inside else text[-self.lead - 12 :]) is not None

    def matches(self, text: str, mark: str) -> Iterator[re.Match[str]]:
        """Yield what one of the marks leads to: a text is only looked at where it stands."""
        at = text.find(mark)
        while at >= 0:
            found = next(
                filter(
                    None,
                    (
                        self.expression.match(text, start)
                        for start in range(max(at - self.lead, 0), at + 1)
                    ),
                ),
                None,
            )
            if found:
                yield found
            at = text.find(mark, max(at + len(mark), found.end() if found else 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretHit:
    """One secret in a text, and what it is.

    `known`: its value is one of this machine's, whatever it looks like.
    """

    start: int
    end: int
    name: str
    known: bool = False


def shapes_of(data: Mapping[str, Iterable[Mapping[str, object]]]) -> tuple[Shape, ...]:
    """Return the shapes of shipped/secrets.toml."""
    return tuple(Shape(**{**each, "marks": tuple(each["marks"])}) for each in data["shape"])  # type: ignore[arg-type]  # the file's own


def known_values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values of variables whose names say that they are secret.

    Short ones, paths and plain words would be found everywhere.
    """
    said = {
        value: name
        for name, value in environ.items()
        if NAMES.search(name)
        and len(value) >= SHORTEST
        and not value.startswith(("/", "~", "."))
        and not (value.isalpha() and value.islower() and len(value) < PLAIN_WORD)
    }
    return {
        **said,
        **{
            value.encode("utf-8", "surrogateescape").decode("latin-1"): name
            for value, name in said.items()
        },
    }


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secrets that are never written down: `values`, each with the name of its variable, and
    every text that has one of the `shapes`."""

    values: Mapping[str, str] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()

    @cached_property
    def marks(self) -> Mapping[str, Shape]:
        return {mark: shape for shape in self.shapes for mark in shape.marks}

    @cached_property
    def signs(self) -> tuple[str, ...]:
        """What a line may be looked through for, as bytes in latin-1: without one of these
        there is no whole secret in it."""
        return (
            "\\u00",
            "\\/",
            *self.marks,
            *self.values,
            *(json.dumps(value)[1:-1] for value in self.values),
        )

    @cached_property
    def openings(self) -> tuple[Shape, ...]:
        return tuple(shape for shape in self.shapes if shape.begins)

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """What a mark may have begun with where a text stops."""
        return frozenset(mark[:length] for mark in self.marks for length in range(1, len(mark)))

    def hits(self, text: str, starts: Iterable[int] = ()) -> list[SecretHit]:
        """Return every secret in a text, in order; what overlaps counts as one.

        At `starts` one may begin whatever stands before it.
        """
        # Expressions are slow and marks are rare: most texts have none, and are not looked through.
        marked = [(mark, self.marks[mark]) for mark in filter(text.__contains__, self.marks)]
        hits = [*self._known_hits(text), *_shaped_hits(text, marked)]
        if marked:
            hits += _hits_at(text, starts, [shape for _, shape in marked])
        return _apart(hits)

    def _known_hits(self, text: str) -> Iterator[SecretHit]:
        """Yield every place of a value that is known."""
        for value in filter(text.__contains__, self.values):
            yield from _places(text, value, self.values[value])

    def hide(self, text: str) -> str:
        """Return the text with a word in place of each secret."""
        # From the end: a word that is put in moves only what comes after it.
        for hit in reversed(self.hits(text)):
            text = f"{text[: hit.start]}[hidden:{hit.name}]{text[hit.end :]}"
        return text

    def hide_bytes(self, data: bytes) -> bytes:
        """Return the bytes of a file of any kind with a word in place of each secret."""
        return (
            self.hide(data.decode("latin-1")).encode("latin-1")
            if self.values or self.shapes
            else data
        )

    def hide_line(self, raw: bytes) -> bytes:
        """Return one line of a stream with a word in place of each secret: in JSON inside the
        strings, so that it stays JSON."""
        if not self.suspect(raw):
            return raw
        line = Line(raw, self.hide)
        for holder, key, _ in line.strings():
            line.put(holder, key, self.hide(holder[key]))
        return line.bytes()

    def suspect(self, raw: bytes) -> bool:
        """Return whether this line may hold a whole secret, whatever is escaped in it."""
        text = raw.decode("latin-1")
        return next(filter(text.__contains__, self.signs), None) is not None

    def opens_at(self, text: str) -> int:
        """Return where the end of a text may be the beginning of a secret, which what comes next
        may go on with; -1 where it is none."""
        found = [len(text) - length for value in self.values if (length := _shared(text, value))]
        block = text.rfind(BEGIN)
        is_near = block >= 0 and len(text) - block < LONGEST_BLOCK
        if is_near and not END.search(text, block):
            found.append(block)
        start = max(len(text.rstrip(KEY_LETTERS)), len(text) - LONGEST_KEY)
        tail = text[start:]
        if tail and (self._marked(tail) or self._begins(tail)):
            found.append(start)
        if next((shape for shape in self.openings if shape.may_begin(text)), None):
            found.append(max(len(text) - NEAR, 0))
        return min(found, default=-1)

    def _marked(self, tail: str) -> bool:
        """Has a key begun here? An address whose host is past holds no password any more."""
        signs = list(filter(tail.__contains__, self.marks))
        return bool(signs) and (signs != ["://"] or "/" not in tail.rpartition("://")[2])

    def _begins(self, tail: str) -> bool:
        """May the end of these letters be the beginning of a mark?"""
        for length in range(1, min(len(tail), 24) + 1):
            inside_word = (
                length < 3 and tail[-length].isalnum() and tail[-length - 1 : -length].isalnum()
            )
            if tail[-length:] in self.beginnings and not inside_word:
                return True
        return False


NO_SECRETS = Secrets()


def _shaped_hits(text: str, marked: Iterable[tuple[str, Shape]]) -> Iterator[SecretHit]:
    """Yield what has the shape of a key, at the marks that a text is known to have."""
    for mark, shape in marked:
        for match in shape.matches(text, mark):
            start, end = _span(match)
            yield SecretHit(start=start, end=end, name=shape.name)


def _hits_at(text: str, starts: Iterable[int], shapes: Sequence[Shape]) -> Iterator[SecretHit]:
    """Yield the keys that begin at these places, where an expression would want another letter."""
    for start in starts:
        near = text[start : start + LONGEST_BLOCK]
        for match in filter(None, (shape.expression.match(near) for shape in shapes)):
            yield SecretHit(start=start, end=start + match.end(), name="key")


def _apart(hits: Iterable[SecretHit]) -> list[SecretHit]:
    """Return the hits in order, where what overlaps is one: a word hides all of it."""
    apart: list[SecretHit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if apart and hit.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = replace(last, end=max(hit.end, last.end), known=hit.known or last.known)
        else:
            apart.append(hit)
    return apart


def _places(text: str, value: str, name: str) -> Iterator[SecretHit]:
    """Yield every place of a known value."""
    at = text.find(value)
    while at >= 0:
        yield SecretHit(start=at, end=at + len(value), name=f"value-of-{name}", known=True)
        at = text.find(value, at + len(value))


def _shared(text: str, value: str) -> int:
    """Return how much of a value's beginning a text ends with."""
    at = value.rfind(text[-1], 0, len(value) - 1) if text else -1
    while at >= 0:
        if text.endswith(value[: at + 1]):
            return at + 1
        at = value.rfind(text[-1], 0, at)
    return 0


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Return where the key itself stands in what matched."""
    named = match.re.groupindex
    return match.span("key") if "key" in named and match["key"] else match.span()


class Line:
    """One line of a stream as what it holds: an object of JSON, its keys hidden as need be, or
    a text."""

    def __init__(self, raw: bytes, hide: Callable[[str], str]) -> None:
        self.raw, self.open, self._changed = raw, 0, False
        self.plain = not raw.lstrip().startswith(b"{")
        try:
            body = (
                None
                if self.plain
                else json.loads(raw, object_pairs_hook=None if hide is str else self._keys(hide))
            )
        except (ValueError, RecursionError):
            body, self.plain = None, True
        self.body: Holder = {"": raw.decode("utf-8", "surrogateescape")} if self.plain else body

    def strings(self) -> Iterator[tuple[Holder, object, tuple[object, ...]]]:
        """Yield each string by what holds it, its key there, and the path to it."""
        ahead: list[tuple[Holder, tuple[object, ...]]] = [(self.body, (self.plain,))]
        while ahead:
            holder, path = ahead.pop()
            for key, value in list(
                holder.items() if isinstance(holder, dict) else enumerate(holder)
            ):
                if isinstance(value, str):
                    yield holder, key, (*path, key)
                elif isinstance(value, dict | list):
                    ahead.append((value, (*path, key)))

    def _keys(
        self, hide: Callable[[str], str]
    ) -> Callable[[list[tuple[str, object]]], dict[str, object]]:
        def named(pairs: list[tuple[str, object]]) -> dict[str, object]:
            shown = {hide(key): value for key, value in pairs}
            self._changed = self._changed or any(key not in shown for key, _ in pairs)
            return shown

        return named

    def put(self, holder: Holder, key: object, text: str) -> None:
        """Put a text in a string's place."""
        if holder[key] != text:
            holder[key], self._changed = text, True

    def bytes(self) -> bytes:
        """Return the line, written anew only where something was hidden."""
        if not self._changed:
            return self.raw
        return (
            str(self.body[""]).encode("utf-8", "surrogateescape")
            if self.plain
            else json.dumps(self.body).encode()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A string of a held line that the next string at the same place may go on from."""

    line: Line
    holder: Holder
    key: object
    text: str


class Screen:
    """Lines on their way to the disk.

    One whose text may be the beginning of a secret waits for what comes next at the same place; no
    more wait than a bounded number of lines and letters.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._lines: deque[Line] = deque()
        self._open: dict[tuple[object, ...], list[Piece]] = {}

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Yield the lines that can be written now, secrets hidden."""
        suspect = self._secrets.suspect(raw)
        line = Line(raw, self._secrets.hide if suspect else str)
        self._lines.append(line)
        for holder, key, path in line.strings():
            piece = Piece(line=line, holder=holder, key=key, text=holder[key])
            self._take(path, piece, suspect)
        if len(self._lines) > MOST_LINES:
            self._settle_all()
        yield from self._ready()

    def rest(self) -> Iterator[bytes]:
        """Yield what still waits, once no more comes."""
        self._settle_all()
        yield from self._ready()

    def _take(self, path: tuple[object, ...], piece: Piece, suspect: bool) -> None:
        """Write down what is settled of a string, and keep what the next one may go on with."""
        waiting = self._open.pop(path, [])
        pieces = [*waiting, piece]
        piece.line.open += 1
        text = _joined(pieces)
        opens = -1 if piece.key in NO_TEXT else self._secrets.opens_at(text)
        if waiting and opens < 0:
            # By itself the new piece may begin what is no beginning behind the letters before it.
            alone = self._secrets.opens_at(piece.text)
            opens = len(text) - len(piece.text) + alone if alone >= 0 else opens
        if not 0 <= opens < MOST_HELD:
            self._settle(pieces, suspect=suspect or bool(waiting))
            return
        past = _before(pieces, opens)
        crossing = self._starts_across(pieces, past) if past else []
        # A secret is hidden as a whole: one that reaches into what still waits waits too.
        if crossing:
            past = _before(pieces, min(crossing))
        self._settle(pieces[:past], suspect=True)
        self._open[path] = pieces[past:]

    def _starts_across(self, pieces: Sequence[Piece], past: int) -> list[int]:
        """Return where secrets begin that end behind the first pieces, so many of them."""
        end = len(_joined(pieces[:past]))
        return [hit.start for hit in self._hits(pieces) if hit.start < end < hit.end]

    def _settle(self, pieces: Sequence[Piece], *, suspect: bool) -> None:
        """Hide what the pieces make up together: its word stands where it begins."""
        hits = self._hits(pieces) if suspect and pieces else []
        at = 0
        for piece in pieces:
            end, text = at + len(piece.text), piece.text
            for hit in reversed(hits):
                if hit.start < end and hit.end > at:
                    word = f"[hidden:{hit.name}]" if hit.start >= at else ""
                    text = text[: max(hit.start - at, 0)] + word + text[hit.end - at :]
            piece.line.put(piece.holder, piece.key, text)
            piece.line.open -= 1
            at = end + piece.line.plain

    def _hits(self, pieces: Sequence[Piece]) -> list[SecretHit]:
        # A key may begin with each piece, though a letter of the piece before stands before it.
        starts = accumulate(len(piece.text) + piece.line.plain for piece in pieces[:-1])
        return self._secrets.hits(_joined(pieces), starts)

    def _settle_all(self) -> None:
        for pieces in self._open.values():
            self._settle(pieces, suspect=True)
        self._open.clear()

    def _ready(self) -> Iterator[bytes]:
        """Yield the lines before the first one that still waits."""
        while self._lines and not self._lines[0].open:
            yield self._lines.popleft().bytes()


def _before(pieces: Sequence[Piece], at: int) -> int:
    """Return how many of the pieces are over before this place."""
    ends = accumulate(len(piece.text) + piece.line.plain for piece in pieces)
    return sum(end <= at for end in ends)


def _joined(pieces: Sequence[Piece]) -> str:
    """Return the text of several pieces as one."""
    return ("\n" if pieces[0].line.plain else "").join(piece.text for piece in pieces)
