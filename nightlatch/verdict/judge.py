"""The judge: what it is asked and shown, and what its answer is worth.

It may veto, and never accept what a check failed.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from hashlib import sha256
from itertools import islice
from typing import Any, TypeAlias

from nightlatch.model.models import Feature, Reason
from nightlatch.model.rules import reason
from nightlatch.ratchet.file_diffs import Text
from nightlatch.suite.results import Check, SuiteResult
from nightlatch.util.text import folded
from nightlatch.verdict.comment_stripping import masker, path_masker

BRIEF = "judge.md.j2"
NAMES = frozenset(
    {"feature", "asked", "digest", "nonce", "shown", "pictures", "masked", "complaint"}
)
KINDS = {
    "tests": "test tests pytest vitest jest unittest suite suites",
    "typecheck": "type types typecheck typechecks typechecking typescript mypy tsc pyright",
    "lint": "lint linter linting eslint ruff flake8 clippy golangci biome",
}
PASSES = "pass passes passing passed clean green succeed succeeds ok"
FILLERS = (
    "all the unit existing and check checks checking checker run runs npm pnpm yarn make is are"
    " still test"
)
# Characters of everything together, of one file, and of what one check printed: what a model reads
# in one go, with room for its answer.
MOST = 200_000
MOST_OF_ONE = 60_000
MOST_OF_RESULTS = 20_000
# Lines of both versions of a file: comparing takes time by their square.
MOST_COMPARED = 6_000
LONGEST_LINE = 1_000
# The answer stands at the end of what a judge says; what it thinks before it is not searched.
LONGEST_SAID = 32_000
AROUND = 8
MOST_TESTS = 200
LAST_LINES = 20
LOCKS = re.compile(
    r"(?:.*/)?(?:[\w.-]+\.lock|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum)"
)
# Printable for Python, and nothing or a blank on the screen: a text could hide in them.
UNSEEN = re.compile("[\ufe00-\ufe0f\u115f\u1160\u3164\uffa0\u2800\U000e0100-\U000e01ef]")
# A shorter piece, such as a bracket, stands in every text and would prove anything.
SHORTEST_PIECE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that the judge is asked about, in the person's own words."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAnswer:
    """What the judge said of one criterion; `quote` really stands in what it was shown, or is
    "" where something is missing."""

    criterion: str
    why: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Every criterion is met, in every look."""

    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMet:
    """`said` are the criteria that are not met; `met` of `of` are."""

    met: int
    of: int
    said: tuple[JudgeAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """None is clearly not met, and of these it cannot be told."""

    of: int
    said: tuple[JudgeAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """The judge did not answer in a way that counts."""

    why: str


Judged: TypeAlias = Met | NotMet | CannotTell | NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One text that the judge is shown.

    Of a diff, lines begin with +, - or a space; `cut`: it is not all there.
    """

    kind: str
    name: str
    lines: tuple[str, ...]
    diff: bool = False
    cut: bool = False

    def quotable(self) -> Iterator[str]:
        """Yield the lines that can prove something: not those that the candidate took away."""
        shown = (line for line in self.lines if not (self.diff and line.startswith(("-", "@"))))
        yield from (folded(visible(line[1:] if self.diff else line)) for line in shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """One look of the judge.

    `nonce` is not guessable by whoever wrote the candidate. Without `fenced`, a control of the
    tests, texts stand there as they are.
    """

    feature: Feature
    asked: tuple[Criterion, ...]
    exhibits: tuple[Exhibit, ...]
    nonce: str
    pictures: tuple[str, ...] = ()
    masked: bool = False
    fenced: bool = True

    @property
    def digest(self) -> str:
        return criteria_digest(self.feature)

    @property
    def is_uncut(self) -> bool:
        """Is the source shown from end to end?"""
        return not any(exhibit.cut for exhibit in self.exhibits if exhibit.kind == "source")


def criteria_digest(feature: Feature) -> str:
    """Sixteen hex digits over everything that says what is wanted."""
    more = (text for pair in feature.more for text in pair)
    parts = (
        feature.id,
        feature.title,
        feature.description,
        *feature.steps,
        "\0",
        *feature.criteria,
        *more,
    )
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def asked(feature: Feature, green: Iterable[str]) -> tuple[Criterion, ...]:
    """Return the criteria that no check proves already, the feature as a whole where none is left;
    `green` are the names of what passed."""
    proved = {kind for name in green for kind in kinds(name)}
    left = [text for text in feature.criteria if not (passing(text) and kinds(text) <= proved)]
    more = (f"{name}: {text}" for name, text in feature.more)
    whole = "\n".join(filter(None, (feature.title, feature.description, *feature.steps, *more)))
    return tuple(Criterion(id=f"c{n}", text=text) for n, text in enumerate(left or [whole], 1))


def passing(text: str) -> bool:
    """Does a criterion say no more than that tests, types or lint pass?"""
    said = set(re.findall(r"\w+", text.casefold()))
    green = set(PASSES.split())
    known = {word for names in (FILLERS, *KINDS.values()) for word in names.split()}
    return bool(said & green) and bool(kinds(text)) and said <= green | known


def kinds(text: str) -> frozenset[str]:
    """Return the kinds of checks that a text speaks of."""
    said = set(re.findall(r"[^\W_]+", text.casefold()))
    return frozenset(kind for kind, names in KINDS.items() if said & set(names.split()))


def came_to(
    own: SuiteResult | None, checks: Iterable[Check], proof: Iterable[str], verify: str
) -> dict[str, str]:
    """Return what was run and how it came out, by name."""
    said = {"the tests": own.summary()} if own and own.ids else {}
    said |= (
        {
            "new tests, which fail on the old code and pass on the new": "\n".join(
                sorted(proof)[:MOST_TESTS]
            )
        }
        if proof
        else {}
    )
    said |= (
        {"the feature's own command, red on the old code and green on the new": verify}
        if verify
        else {}
    )
    return said | {
        f"the check {check.name}, {check.answer}": "\n".join(check.tail.splitlines()[-LAST_LINES:])
        for check in checks
    }


def matter(
    texts: Sequence[Text], results: Mapping[str, str], own: str | None = None
) -> tuple[Exhibit, ...]:
    """Return what there is to show, within what a judge can read: source first, then tests, then
    what checks came to.

    It is masked where `own` gives the person's words. What is left out is said; nobody misses what
    a lock file holds.
    """
    mask, rename = (
        (masker(own), path_masker(own))
        if own is not None
        else (lambda _path, text: text, lambda path: path)
    )
    shown, room = [], MOST
    changes = sorted(texts, key=lambda text: (text.test, text.path))
    for n, text in enumerate(changes):
        kind = "test" if text.test else "source"
        name = rename(text.path)
        if room <= 0:
            shown.append(
                Exhibit(kind=kind, name=f"and {len(changes) - n} more files", lines=(), cut=True)
            )
            break
        if LOCKS.fullmatch(text.path):
            shown.append(
                Exhibit(kind=kind, name=name, lines=("(a lock file, which is not shown)",))
            )
            continue
        old, new = (
            None if side is None else mask(text.path, side) for side in (text.old, text.new)
        )
        lines, cut = fitting(tuple(diff(old, new)), min(room, MOST_OF_ONE))
        shown.append(Exhibit(kind=kind, name=name, lines=lines, diff=True, cut=cut))
        room -= sum(map(len, lines))
    for name, said in results.items():
        lines, cut = fitting(tuple(mask("", said).splitlines()), MOST_OF_RESULTS)
        shown.append(Exhibit(kind="results", name=name, lines=lines, cut=cut))
    return tuple(shown)


def diff(old: str | None, new: str | None) -> Iterator[str]:
    """Yield what became of one file, with marked lines; of a file that is gone only that, and of
    one too large to compare all of the new one."""
    before, after = (old or "").splitlines(), (new or "").splitlines()
    if new is None:
        yield f"-(the file is gone; it had {len(before)} lines)"
    elif not before or len(before) + len(after) > MOST_COMPARED:
        yield from (f"-({len(before)} lines were there before)",) if before else ()
        yield from (f"+{line}" for line in after or ["(empty, or not text)"])
    else:
        yield from islice(unified_diff(before, after, n=AROUND, lineterm=""), 2, None)


def fitting(lines: Sequence[str], room: int) -> tuple[tuple[str, ...], bool]:
    """As many of the lines as there is room for, none too long, and whether something is
    missing, which is said."""
    kept = []
    for line in lines:
        room -= min(len(line), LONGEST_LINE) + 1
        if room < 0:
            break
        kept.append(line[:LONGEST_LINE])
    cut = len(kept) < len(lines) or any(len(line) > LONGEST_LINE for line in lines)
    note = (
        (f"({len(lines) - len(kept)} more lines are not shown, and long ones are cut)",)
        if cut
        else ()
    )
    return (*kept, *note), cut


def second(
    first: JudgePrompt, texts: Sequence[Text], results: Mapping[str, str], nonce: str
) -> JudgePrompt | None:
    """Return the look without comments, prose and pictures; None where that takes nothing away."""
    feature = first.feature
    own = "\n".join((feature.title, feature.description, *feature.steps, *feature.criteria))
    plain = matter(texts, results, own)
    same = plain == first.exhibits and not first.pictures
    return None if same else replace(first, exhibits=plain, pictures=(), nonce=nonce, masked=True)


def brief(
    hearing: JudgePrompt, templates: Callable[[str], tuple[str, str]], complaint: str = ""
) -> str:
    """Return what the judge is told. Fences are made here, so that no edit of the template can open
    them."""
    from nightlatch.util.templates import renderer

    values = {
        "feature": hearing.feature,
        "asked": hearing.asked,
        "digest": hearing.digest,
        "nonce": hearing.nonce,
        "masked": hearing.masked,
        "shown": tuple(fence(exhibit, hearing) for exhibit in hearing.exhibits),
        "pictures": hearing.pictures,
        "complaint": complaint,
    }
    return renderer(BRIEF, templates, NAMES)(values)


def fence(exhibit: Exhibit, hearing: JudgePrompt) -> str:
    """Return an exhibit inside its fence: every line of it is marked, printable, and cannot be the
    end of the fence."""
    titles = {
        "source": "source that changed",
        "test": "tests that changed",
        "results": "what checks came to",
    }
    lines = (exhibit.name, *exhibit.lines)
    if not hearing.fenced:
        return "\n".join(lines)
    inside = "\n".join(f"| {visible(line)}" for line in lines)
    return f"[{hearing.nonce} begins: {titles[exhibit.kind]}]\n{inside}\n[{hearing.nonce} ends]"


def visible(text: str) -> str:
    """Text with everything that a reader would not see, or that turns its direction, as escapes."""
    shown = (
        (
            c
            if (c.isprintable() or c == "\t") and not UNSEEN.match(c)
            else c.encode("unicode_escape").decode()
        )
        for c in text
    )
    return "".join(shown)


def heard(said: str, hearing: JudgePrompt, schema: Mapping[str, Any]) -> Judged | str:
    """Return what the last JSON object of the judge's words comes to, or why it cannot be read."""
    from jsonschema import Draft202012Validator

    found = last_object(said[-LONGEST_SAID:])
    if found is None:
        return "there is no JSON object at the end of it"
    problem = next(iter(Draft202012Validator(schema).iter_errors(found)), None)
    if problem is not None:
        return f"{'/'.join(map(str, problem.absolute_path)) or 'it'}: {problem.message[:200]}"
    if (found["nonce"], found["digest"]) != (hearing.nonce, hearing.digest):
        return "nonce or digest are not those of the question"
    answers = found["criteria"]
    if sorted(answer["id"] for answer in answers) != sorted(
        criterion.id for criterion in hearing.asked
    ):
        return "every criterion is to be answered exactly once"
    return weighed({answer["id"]: answer for answer in answers}, hearing)


def last_object(said: str) -> dict[str, Any] | None:
    """Return the last JSON object in a text, None where there is none."""
    found = None
    place = said.find("{")
    decoder = json.JSONDecoder()
    while place >= 0:
        try:
            found, end = decoder.raw_decode(said, place)
        except (ValueError, RecursionError):
            end = place + 1
        place = said.find("{", end)
    return found if isinstance(found, dict) else None


def weighed(answers: Mapping[str, Mapping[str, str]], hearing: JudgePrompt) -> Judged:
    """Return the sum of the answers.

    A quote that was not shown makes an answer worthless, and so does a met without a quote.
    """
    lines, removed = quotable_lines(hearing), removed_lines(hearing)
    met, failed, unclear = 0, [], []
    for criterion in hearing.asked:
        answer = answers[criterion.id]
        quote = answer["quote"].strip()
        why = answer.get("why", "")
        reply = JudgeAnswer(criterion=criterion.text, why=why, quote=quote)
        match answer["answer"]:
            case "met" if stands(quote, lines):
                met += 1
            # What is missing cannot be quoted; what was taken away proves that something is.
            case "not_met" if not quote or stands(quote, [*lines, *removed]):
                failed.append(reply)
            case "met" | "not_met" as word:
                unclear.append(worthless(reply, word))
            case _:
                unclear.append(reply)
    of = len(hearing.asked)
    if failed:
        return NotMet(met=met, of=of, said=tuple(failed))
    # What the judge did not see could undo what it saw.
    if not unclear and not hearing.is_uncut:
        unclear = too_large(hearing.asked)
    return CannotTell(of=of, said=tuple(unclear)) if unclear else Met(of=of)


def quotable_lines(hearing: JudgePrompt) -> list[str]:
    """Return every line of what was shown that can prove something."""
    return [line for exhibit in hearing.exhibits for line in exhibit.quotable()]


def removed_lines(hearing: JudgePrompt) -> list[str]:
    """Return the lines that the candidate took away, as the judge was shown them."""
    diffs = [exhibit for exhibit in hearing.exhibits if exhibit.diff]
    removed = (line for exhibit in diffs for line in exhibit.lines if line.startswith("-"))
    return [folded(visible(line[1:])) for line in removed]


def worthless(reply: JudgeAnswer, word: str) -> JudgeAnswer:
    """Return an answer whose quote stands nowhere, as one that tells nothing."""
    why = f"it says {word} and quotes what it was not shown: {reply.quote[:120]}"
    return replace(reply, why=why, quote="")


def too_large(criteria: Iterable[Criterion]) -> list[JudgeAnswer]:
    """Return the answers where not all of the source could be shown."""
    why = "the change is too large to be shown whole"
    return [JudgeAnswer(criterion=criterion.text, why=why) for criterion in criteria]


def stands(quote: str, lines: Collection[str]) -> bool:
    """Is every line of it one of these, or enough of one?"""
    parts = [
        folded(part.strip().removeprefix("|"))
        for part in quote.splitlines()
        if re.search(r"\w", part)
    ]
    return bool(parts) and all(
        is_shown(part, lines) or is_shown(part.lstrip("+- "), lines) for part in parts
    )


def is_shown(part: str, lines: Collection[str]) -> bool:
    """Is this one of the lines, or a long enough piece of one?"""
    return part in lines or (len(part) >= SHORTEST_PIECE and any(part in line for line in lines))


def ruled(judged: Judged | None) -> tuple[Reason, ...]:
    """Return what the judge's answer has to say: one reason for each criterion, so that each is
    told whole."""
    match judged:
        case NotMet(met=met, of=of, said=said):
            count = f"the judge finds {met} of {of} criteria met, and not this one"
            return tuple(
                replace(reason("judge.not-met", details(told)), says=count) for told in said
            )
        case CannotTell(said=said):
            return tuple(reason("judge.cannot-tell", details(told)) for told in said)
        case NoAnswer(why=why):
            return (reason("judge.no-answer", [why]),)
    return ()


def details(told: JudgeAnswer) -> Iterator[str]:
    """Yield the criterion, why it is not met, and the line that was quoted."""
    yield f'"{told.criterion}"'
    yield from filter(None, (told.why, told.quote and f"`{told.quote}`"))


def summary(judged: Judged | None, feature: Feature) -> str:
    """Return the answer in a few words, with the digest of the criteria that it is about; "" where
    nobody was asked."""
    if judged is None:
        return ""
    words = {Met: "met", NotMet: "not met", CannotTell: "cannot tell", NoAnswer: "no answer"}
    return f"{words[type(judged)]}, criteria {criteria_digest(feature)}"
