"""What the next agent is told of the record: the findings that touch its feature or its files, few, ranked, each said once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.core.findings import Author, Cite, Finding, FindingKind, State
from nightlatch.core.history import FeatureHistory, History
from nightlatch.core.models import Feature
from nightlatch.core.progress import line
from nightlatch.core.staleness import CHANGED, Standing
from nightlatch.core.text import folded

MOST = 12
PATTERNS = 8
REPRODUCTIONS = 3
SPARE = 4
CONFIRMED = (State.VERIFIED, State.REJECTED)
ORDER = (*CONFIRMED, State.OPEN, State.BLOCKED, State.STALE)
NEXT = "next: "
FENCE = re.compile("`+")
Standings = Callable[[Sequence[Finding]], Mapping[str, Standing]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding as it stands now, and why it is told; the lower `far`, the nearer.

    `twins` are the ids of others that say the same, `used` is how many sessions went by it.
    """

    finding: Finding
    why: str
    far: int = 0
    standing: Standing | None = None
    twins: tuple[str, ...] = ()
    used: int = 0

    @property
    def state(self) -> State:
        return State.STALE if self.standing and not self.standing.fresh else self.finding.state

    @property
    def proof(self) -> str:
        """What bears it out, in a few words."""
        found, (failed, runs) = self.finding, self.finding.seen
        done = [each for event in found.events for each in event.evidence] or [*found.evidence]
        told = [quoted(each.command, 160) + ("" if each.exit is None else f" exit {each.exit}") for each in done if each.command]
        told += [f"{quoted(each.file, 100)} sha256 {each.sha256[:12]}" for each in found.evidence if each.file]
        told += [f"trace {quoted(each.trace, 60)}" for each in found.evidence if each.trace]
        return ", ".join([*dict.fromkeys(told), *([f"failed {failed} of {runs}"] if runs and found.reproduction else [])])

    @property
    def told(self) -> str:
        """One line for a brief. What the agent of an earlier session wrote comes after what the loop knows of it."""
        found, by = self.finding, self.finding.word_of
        state = f"stale, was {found.state}" if self.state is State.STALE else str(self.state)
        said = [f"{found.id} {state}: {line(found.claim, 200)}"]
        said += [f"hint, check again: {self.standing.told}"] if self.state is State.STALE and self.standing else []
        said += ["your person's word"] if by is Author.PERSON else []
        said += [f"chosen: {line(found.choice, 120)}"] if found.choice else []
        said += [f"because {line(found.why, 160)}"] if found.why else []
        said += [f"not {line(', '.join(found.alternatives), 120)}"] if found.alternatives else []
        said += [f"evidence {self.proof}"] if self.proof else []
        said += [f"contradicted: {line(event.why, 120)}" for event in found.challenges[-1:]]
        said += [f"at {', '.join(map(place, found.standing_cites[:3]))}"] if found.standing_cites else []
        return "; ".join((*said, *([NEXT + line(found.next_action, 160)] if found.next_action else [])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What is told, by what it is. `left` says how many findings are not, by why not."""

    findings: tuple[Known, ...] = ()
    decisions: tuple[Known, ...] = ()
    patterns: tuple[Known, ...] = ()
    reproductions: tuple[str, ...] = ()
    next: str = ""
    left: Mapping[str, int] | None = None


def choose(
    findings: Sequence[Finding], feature: Feature, history: History, files: Iterable[str], standings: Standings, most: int = MOST
) -> Recalled:  # fmt: skip
    """The findings for a session on a feature whose work touches these files. However many there are, only a few are asked how they stand.

    Verified and rejected first, then open and blocked, stale last; in each, those of the files before those of the feature, latest first.
    """
    touched, habit = frozenset(files), "is a pattern of the project"
    near = [known for each in findings if (known := touching(each, feature.id, touched))]
    rules = [Known(finding=each, why=habit, used=history.used.get(each.id, 0)) for each in findings if each.kind is FindingKind.PATTERN]
    once, habits = [*said_once(sorted(near, key=rank))], [*said_once(sorted(rules, key=use))]
    claims = [each for each in once if each.finding.kind is FindingKind.FINDING][: SPARE * most]
    choices = [each for each in once if each.finding.kind is FindingKind.DECISION][: SPARE * most]
    asked = (claims, choices, habits[: SPARE * PATTERNS])
    stands = standings([each.finding for group in asked for each in group])
    found, decided, used = ([replace(each, standing=stands.get(each.finding.id)) for each in group] for group in asked)
    told, chosen, shared = sorted(found, key=rank)[:most], sorted(decided, key=rank)[:most], sorted(used, key=use)[:PATTERNS]
    left = {
        "touch neither the feature nor its files": len(findings) - len(near) - len(rules),
        "say what another says": len(near) + len(rules) - len(once) - len(habits),
        f"are beyond the {most} of a kind that are told": len(once) + len(habits) - len(told) - len(chosen) - len(shared),
    }
    return Recalled(
        findings=tuple(told), decisions=tuple(chosen), patterns=tuple(shared), reproductions=tuple(reproductions(told)),
        next=next_action([each.finding for each in near], feature.id, history.of(feature)), left={why: n for why, n in left.items() if n},
    )  # fmt: skip


def touching(finding: Finding, feature: str, files: frozenset[str]) -> Known | None:
    """The finding and why it concerns this feature, None where it does not; patterns are told to all of them."""
    if finding.kind is FindingKind.PATTERN:
        return None
    met = next((cite.path for cite in finding.standing_cites if cite.path in files), "")
    if met:
        return Known(finding=finding, why=f"cites {line(met, 120)}, which this work touches")
    if finding.feature == feature:
        return Known(finding=finding, why="is of this feature", far=1)
    return None if finding.feature else Known(finding=finding, why="is of no feature in particular", far=2)


def rank(known: Known) -> tuple[bool, int, int, float]:
    order = 0 if known.state in CONFIRMED else ORDER.index(known.state)
    return known.state is State.STALE, order, known.far, -latest(known.finding)


def use(known: Known) -> tuple[bool, bool, bool, int, float]:
    """Stale and refuted ones last; the person's word first, then what sessions went by, saw and said most often, then the latest."""
    found = known.finding
    said = found.word_of is not Author.PERSON, -known.used - len(found.events) - len(known.twins), -latest(found)
    return known.state is State.STALE, known.state is State.REJECTED, *said


def latest(finding: Finding) -> float:
    return max((finding.at, *(event.at for event in finding.events))).timestamp()


def said_once(ranked: Iterable[Known]) -> Iterator[Known]:
    """Of those with the same claim the first; what was confirmed both ways stands there twice, for it is a contradiction."""
    kept: dict[tuple[str, State], Known] = {}
    claims: dict[str, tuple[str, State]] = {}
    for each in ranked:
        claim = folded(each.finding.claim)
        key = (claim, each.state) if each.state in CONFIRMED else claims.get(claim, (claim, each.state))
        first = kept.get(key)
        kept[key] = replace(first, twins=(*first.twins, each.finding.id)) if first else each
        claims.setdefault(claim, key)
    yield from kept.values()


def reproductions(told: Sequence[Known]) -> Iterator[str]:
    """The commands that show the failures, with how often they are expected to fail and how often they did; what was ruled out is none."""
    seen: dict[str, str] = {}
    for each in told:
        again, (failed, runs) = each.finding.reproduction, each.finding.seen
        if again and each.finding.state is not State.REJECTED:
            old = f"; {CHANGED}" if each.state is State.STALE else ""
            did = f"; it did {failed} of {runs}" if runs else ""
            rate = f"{again.fails} of {again.of}" if again.of > 1 else "every time"
            seen.setdefault(again.command, f"{quoted(again.command)} fails {rate}{did}{old} ({each.finding.id})")
    yield from [*seen.values()][:REPRODUCTIONS]


def next_action(near: Sequence[Finding], feature: str, past: FeatureHistory) -> str:
    """What the last session said is to be done next; else what the latest finding says, else what the last refusal asks for."""
    own = [each for each in near if each.feature == feature and each.next_action]
    last = [each for each in own if past.sessions[-1:] == (each.session,)]
    if own:
        return line(max(last or own, key=latest).next_action, 500)
    asked = (detail.removeprefix(NEXT) for entry in past.tried for detail in entry.details if detail.startswith(NEXT))
    return next(asked, "")


def place(cite: Cite) -> str:
    return line(f"{cite.path}:{cite.lines[0]}-{cite.lines[1]}" if cite.lines else cite.path, 120)


def quoted(text: str, limit: int = 300) -> str:
    """Anybody's text as a code span: no markup, no link, no mention of a person or an issue comes out of it."""
    flat = line(text, limit)
    fence = fence_of(flat, 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def fence_of(text: str, least: int) -> str:
    """More backticks than stand together anywhere in a text."""
    return "`" * max([least, *(len(run) + 1 for run in FENCE.findall(text))])
