"""The prompt of one session: what a template makes of the feature and its past, within a budget
of bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from nightlatch.errors import PromptError
from nightlatch.model.models import Feature, Phase
from nightlatch.record.findings.retrieval import texts_of
from nightlatch.record.progress import line

BRIEF = "brief.md.j2"
BUDGET = 24_000
PATTERNS = 6_000
TRIED = 1_500
CHECKS = 12
CUT_FIRST = (
    "landings",
    "patterns",
    "findings",
    "protected",
    "decisions",
    "checklist",
    "tried",
    "woken",
    "reproductions",
    "carried",
    "earlier",
    "errors",
    "conflicts",
    "asked",
    "refusals",
)
NAMES = frozenset(
    (
        "feature",
        "objective",
        "answer",
        "next",
        "quick",
        "checks",
        "left_out",
        "phase",
        "last_phase",
        *CUT_FIRST,
    )
)
WHY = {
    "objective": "what the plan says, byte for byte; never cut",
    "answer": "the person's; never cut",
    "next": "what the last session left to do; never cut",
    "rules": "the template's own words; never cut",
    "conflicts": "files of the carried work that met the branch",
    "errors": "errors of earlier phases that are pending",
    "earlier": "what complete phases left",
    "carried": "work that lies in the checkout",
    "reproductions": "the commands that show the failure",
    "tried": "sessions on this feature and why they were refused, latest first",
    "woken": "how the last session ended; of one that is continued its last words, latest first",
    "asked": "the question that was answered",
    "refusals": "what the person said when they refused work on it",
    "checklist": "where the feature's phases stand",
    "decisions": "choices that touch this feature or its files",
    "protected": "files that are put back",
    "findings": (
        "claims that touch this feature or its files, then those of its area, for which the room is"
        " that is left"
    ),
    "patterns": "the section of progress.txt, then what sessions noted",
    "landings": "the last landings of all features",
}
Templates: TypeAlias = Callable[[str], tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefParts:
    """What a brief is made of. Lists are in order of worth: what comes last is cut first.

    asked: the question that `answer` answers · refusals: why the person refused work on the
    feature, latest first · next: what the last session left to do · reproductions: commands that
    show the failure · decisions, findings: one line each · spare: so many findings at the end are
    less near, and have only the room that is left · tried: what was refused and why, latest first ·
    woken: how the last session ended, from its transcript · carried: lines on the uncommitted work
    that lies in the checkout · conflicts: files of it with conflict marks · landings: the last ones
    · patterns: that section of progress.txt · quick: a test command · checks: the commands that the
    program runs on the candidate, the tests first. Of a feature with phases: the phase, whether it
    is the last, earlier: what the complete ones left · errors: those pending · checklist: what is
    done and what is not. `template` is the prompt's name.
    """

    feature: Feature
    asked: tuple[str, ...] = ()
    answer: str = ""
    refusals: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    woken: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    landings: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    spare: int = 0
    decisions: tuple[str, ...] = ()
    reproductions: tuple[str, ...] = ()
    next: str = ""
    patterns: str = ""
    quick: str = ""
    checks: tuple[str, ...] = ()
    phase: Phase | None = None
    last_phase: bool = True
    earlier: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    checklist: tuple[str, ...] = ()
    template: str = BRIEF


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a brief and its bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """The text, what it holds and what was cut to stay within the budget.

    "objective" and "rules" are never cut.
    """

    text: str
    kept: tuple[Part, ...]
    cut: tuple[Part, ...]


def compose(parts: BriefParts, templates: Templates, budget: int = BUDGET) -> Brief:
    """Return the brief; what is too much goes in the order of CUT_FIRST.

    The feature and the answer stay byte for byte, or it is a PromptError.
    """
    from nightlatch.util.templates import renderer

    whole = _lists(parts)
    lists = {
        **whole,
        "patterns": _shorter(whole["patterns"], _bytes(*whole["patterns"]) - PATTERNS),
    }
    # Rendered again after each cut: only the text shows how many bytes the template makes of a
    # part.
    render = renderer(parts.template, templates, NAMES)
    text = render(_values(parts, lists, whole))
    # Findings that are less near go before anything else: they were given the room that is left.
    near = max(len(whole["findings"]) - parts.spare, 0)
    for name, least in (("findings", near), *((name, 0) for name in CUT_FIRST)):
        while (over := _bytes(text) - budget) > 0 and len(lists[name]) > least:
            lists[name] = _shorter(lists[name], over, least)
            text = render(_values(parts, lists, whole))
    # Last of all the plan's own fields: an agent can read them there, and is told which.
    if _bytes(text) > budget and parts.feature.more:
        return compose(
            replace(parts, feature=shortened(parts.feature, _bytes(text) - budget)),
            templates,
            budget,
        )
    if _bytes(text) > budget:
        raise PromptError(
            f"the brief of {parts.feature.id} takes {_bytes(text)} bytes with nothing left to cut;"
            f" {budget} is the most",
            place=templates(parts.template)[1],
            fix=f"split {parts.feature.id}, or move its detail to a file that it names",
        )
    return Brief(text=text, kept=_kept(parts, lists, text), cut=_cut(lists, whole))


def _lists(parts: BriefParts) -> dict[str, tuple[str, ...]]:
    """Return the parts that can be cut, each item one printable line; patterns are the person's own
    lines."""
    limits = {
        "landings": 120,
        "findings": 900,
        "protected": 200,
        "tried": TRIED,
        "woken": 1_200,
        "carried": 300,
        "conflicts": 300,
    }
    limits |= {"asked": 500, "refusals": 2_000}
    limits |= {
        "earlier": 360,
        "errors": 360,
        "checklist": 500,
        "decisions": 900,
        "reproductions": 500,
    }
    lists = {
        name: tuple(line(item, limit) for item in getattr(parts, name))
        for name, limit in limits.items()
    }
    return {**lists, "patterns": tuple(parts.patterns.splitlines())}


def _shorter(items: tuple[str, ...], over: int, least: int = 0) -> tuple[str, ...]:
    """Return the items without as many of the last ones as are needed to save `over` bytes; the
    first `least` stay."""
    # From the end: what comes first is worth most.
    keep = len(items)
    while over > 0 and keep > least:
        keep -= 1
        over -= _bytes(items[keep])
    return items[:keep]


def _bytes(*texts: str) -> int:
    """Bytes of these lines, the line ends of all but the last included."""
    return len("\n".join(texts).encode("utf-8", "replace"))


def _values(
    parts: BriefParts, lists: Mapping[str, tuple[str, ...]], whole: Mapping[str, tuple[str, ...]]
) -> dict[str, object]:
    left_out = {name: len(whole[name]) - len(lists[name]) for name in whole}
    own: dict[str, object] = {"checks": tuple(line(each, 200) for each in parts.checks[:CHECKS])}
    own |= {
        "feature": parts.feature,
        "answer": parts.answer,
        "quick": parts.quick,
        "phase": parts.phase,
        "last_phase": parts.last_phase,
    }
    return {
        **own,
        "objective": objective(parts.feature),
        "next": line(parts.next, 500),
        "left_out": left_out,
        **lists,
    }


def shortened(feature: Feature, over: int) -> Feature:
    """Return the same without the longest of its other fields, as many as save these bytes; what is
    left out is named."""
    sizes = sorted(feature.more, key=lambda pair: -_bytes(pair[1]))
    gone: list[str] = []
    while over > 0 and len(gone) < len(sizes):
        over -= _bytes(sizes[len(gone)][1])
        gone.append(sizes[len(gone)][0])
    kept = tuple(pair for pair in feature.more if pair[0] not in gone)
    note = f"left out here, for they are long; read them in the plan: {', '.join(gone)}"
    return replace(feature, more=kept, notes="\n".join(filter(None, (feature.notes, note))))


def objective(feature: Feature) -> str:
    """Twelve hex digits over all of them: two briefs with the same ones want the same, to the
    byte."""
    return sha256("\0".join(texts_of(feature)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _kept(parts: BriefParts, lists: Mapping[str, tuple[str, ...]], text: str) -> tuple[Part, ...]:
    own = {
        "objective": _bytes(*texts_of(parts.feature)),
        "answer": _bytes(parts.answer),
        "next": _bytes(line(parts.next, 500)),
    }
    sizes = {**own, **{name: _bytes(*lists[name]) for name in reversed(CUT_FIRST)}}
    # What is left is the template's: nobody counts its words.
    sizes["rules"] = _bytes(text) - sum(sizes.values())
    return tuple(Part(name=name, size=size) for name, size in sizes.items() if size)


def _cut(
    lists: Mapping[str, tuple[str, ...]], whole: Mapping[str, tuple[str, ...]]
) -> tuple[Part, ...]:
    return tuple(
        Part(name=name, size=_bytes(*lost))
        for name in CUT_FIRST
        if (lost := whole[name][len(lists[name]) :])
    )
