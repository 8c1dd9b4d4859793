"""What the next agent is told of the record: the findings that touch its feature or its files,
few, ranked, each said once."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from nightlatch.model.models import Feature, Plan
from nightlatch.record.findings.findings import Author, Cite, Evidence, Finding, FindingKind, State
from nightlatch.record.findings.mentions import NAME, WORD, code_words, stems
from nightlatch.record.findings.staleness import CHANGED, Freshness
from nightlatch.record.history import FeatureHistory, History
from nightlatch.record.progress import line
from nightlatch.util.text import folded

MOST = 12
PATTERNS = 8
REPRODUCTIONS = 3
# How many times more findings than can be told are asked whether they are stale.
SPARE = 4
COMMON = 0.25  # a word in more of the findings than this tells nothing of an area
# what a word weighs that a finding only says, beside one of the place where it lies: measured by
# bench/recall.py
SAID = 0.35
# of the weights of the words that are shared: a place that a third of the findings have, or two
# rarer words
ENOUGH = 1.4
FEW = 8  # findings from which on it can be told which words are common
OF_FILE, OF_FEATURE, OF_NONE, OF_AREA = range(4)
CONFIRMED = (State.VERIFIED, State.REJECTED)
ORDER = (*CONFIRMED, State.OPEN, State.BLOCKED, State.STALE)
NEXT = "next: "
FENCE = re.compile("`+")
AREAS = frozenset(("area", "category", "component", "epic", "group", "labels", "module", "tags"))
Standings = Callable[[Sequence[Finding]], Mapping[str, Freshness]]
Area = tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevantFinding:
    """A finding as it stands now, and why it is told; the lower `far`, the nearer.

    `shared` is what the words of an area weigh that it shares with the work, `twins` are the ids of
    others that say the same, `used` is how many sessions went by it.
    """

    finding: Finding
    why: str
    far: int = OF_FILE
    shared: float = 0.0
    standing: Freshness | None = None
    twins: tuple[str, ...] = ()
    used: int = 0

    @property
    def state(self) -> State:
        return State.STALE if self.standing and not self.standing.fresh else self.finding.state

    @property
    def unconfirmed(self) -> bool:
        return (
            self.state is State.OPEN
            and self.finding.says in CONFIRMED
            and self.finding.word_of is Author.AGENT
        )

    @property
    def proof(self) -> str:
        """What bears it out, in a few words."""
        finding = self.finding
        failed, runs = finding.failure_rate
        # What the loop ran itself comes in events, and says more than the agent's word for it.
        of_events = [proof for event in finding.events for proof in event.evidence]
        commands = [proof for proof in of_events or finding.grounds.evidence if proof.command]
        parts = [
            *(quoted(proof.command, 160) + exit_of(proof) for proof in commands),
            *(
                f"{quoted(proof.file, 100)} sha256 {proof.sha256[:12]}"
                for proof in finding.grounds.evidence
                if proof.file
            ),
            *(
                f"trace {quoted(proof.trace, 60)}"
                for proof in finding.grounds.evidence
                if proof.trace
            ),
        ]
        rate = [f"failed {failed} of {runs}"] if runs and finding.grounds.reproduction else []
        return ", ".join([*dict.fromkeys(parts), *rate])

    @property
    def brief_line(self) -> str:
        """One line for a brief.

        What the agent of an earlier session wrote comes after what the loop knows of it.
        """
        finding = self.finding
        cites = ", ".join(map(location, finding.standing_cites[:3]))
        contradiction = finding.challenges[-1].why if finding.challenges else None
        parts = (
            self._standing_part(),
            "of the same area" if self.far == OF_AREA else "",
            f"its agent says {finding.says}, which no run has borne out"
            if self.unconfirmed
            else "",
            "your person's word" if finding.word_of is Author.PERSON else "",
            labelled("chosen: ", finding.remarks.choice, 120),
            labelled("because ", finding.remarks.why, 160),
            labelled("not ", ", ".join(finding.remarks.alternatives), 120),
            f"evidence {self.proof}" if self.proof else "",
            "" if contradiction is None else f"contradicted: {line(contradiction, 120)}",
            f"at {cites}" if cites else "",
            labelled(NEXT, finding.next_action, 160),
        )
        return "; ".join(filter(None, parts))

    def _standing_part(self) -> str:
        """Return what it claims, and as what: a stale one is a hint only, with what changed."""
        finding, is_stale = self.finding, self.state is State.STALE
        state = f"stale, was {finding.state}" if is_stale else str(self.state)
        claim = f"{finding.id} {state}: {line(finding.claim, 200)}"
        if is_stale and self.standing:
            return f"{claim}; hint, check again: {self.standing.summary}"
        return claim


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedContext:
    """What is told, by what it is.

    `more` is what is less near, for the room that is left. `left` says how many are not told and
    why.
    """

    findings: tuple[RelevantFinding, ...] = ()
    more: tuple[RelevantFinding, ...] = ()
    decisions: tuple[RelevantFinding, ...] = ()
    patterns: tuple[RelevantFinding, ...] = ()
    reproductions: tuple[str, ...] = ()
    next: str = ""
    left: Mapping[str, int] | None = None


def choose(
    findings: Sequence[Finding],
    feature: Feature,
    history: History,
    files: Iterable[str],
    standings: Standings,
    most: int = MOST,
    plan: Plan | None = None,
) -> RetrievedContext:
    """Return the findings for a session on a feature whose work touches these files.

    However many there are, only a few are asked how they stand.

    What is of these files or of the feature comes before what is of their area only. Of both:
    verified and rejected first, then open and blocked, stale last; of the same those of the files
    before those of the feature, latest first.
    """
    near = relevant(findings, feature, files, plan)
    rules = [rule(each, history.used) for each in findings if each.kind is FindingKind.PATTERN]
    distinct = [*said_once(sorted(near, key=rank))]
    patterns = [*said_once(sorted(rules, key=use))]
    # To be asked how it stands costs a read of its files, so only those that may be told are; some
    # to spare, because the stale ones among them give their place to others.
    asked = (
        of_kind(distinct, FindingKind.FINDING)[: SPARE * most],
        of_kind(distinct, FindingKind.DECISION)[: SPARE * most],
        patterns[: SPARE * PATTERNS],
    )
    stands = standings([known.finding for group in asked for known in group])
    claims, choices, habits = (
        [replace(known, standing=stands.get(known.finding.id)) for known in group]
        for group in asked
    )
    claims.sort(key=rank)
    choices.sort(key=rank)
    shown, chosen = told_of(claims, most), told_of(choices, most)
    shared = sorted(habits, key=use)[:PATTERNS]
    rest = [known for known in (*claims, *choices) if known not in shown and known not in chosen]
    rest.sort(key=rank)
    total, once = len(near) + len(rules), len(distinct) + len(patterns)
    left = {
        "touch neither the feature nor its files": len(findings) - total,
        "say what another says": total - once,
        "are beyond the number of a kind that is told": (
            once - len(shown) - len(chosen) - len(shared) - len(rest)
        ),
    }
    return RetrievedContext(
        findings=tuple(shown),
        more=tuple(rest),
        decisions=tuple(chosen),
        patterns=tuple(shared),
        reproductions=tuple(reproductions(near_ones(claims, feature))),
        next=next_action([known.finding for known in near], feature.id, history.of(feature)),
        left={why: n for why, n in left.items() if n},
    )


def relevant(
    findings: Sequence[Finding], feature: Feature, files: Iterable[str], plan: Plan | None
) -> list[RelevantFinding]:
    """Return what concerns a feature whose work touches these files, patterns aside: first what
    touches them or the feature, then what is of their area."""
    code = code_words("\n".join(texts_of(feature)))
    homes = (cite.path for each in findings for cite in each.standing_cites if named_in(cite, code))
    touched = frozenset((*files, *homes))
    names = touched | code
    near = [known for each in findings if (known := touching(each, feature.id, touched, names))]
    is_near = {known.finding.id for known in near}
    others = [each for each in findings if each.id not in is_near and not is_pattern(each)]
    return [*near, *of_area(others, findings, feature, touched, plan)]


def is_pattern(finding: Finding) -> bool:
    return finding.kind is FindingKind.PATTERN


def of_kind(known: Iterable[RelevantFinding], kind: FindingKind) -> list[RelevantFinding]:
    return [each for each in known if each.finding.kind is kind]


def labelled(label: str, text: str, limit: int) -> str:
    """Return a text behind its label, "" without a text."""
    return f"{label}{line(text, limit)}" if text else ""


def exit_of(proof: Evidence) -> str:
    return "" if proof.exit is None else f" exit {proof.exit}"


def rule(finding: Finding, used: Mapping[str, int]) -> RelevantFinding:
    """Return a pattern of the project, which matters for every feature."""
    why = "is a pattern of the project"
    return RelevantFinding(finding=finding, why=why, used=used.get(finding.id, 0))


def told_of(found: Iterable[RelevantFinding], most: int) -> list[RelevantFinding]:
    """Return the first that are told in full: those of the feature or of its files."""
    return [each for each in found if each.far < OF_AREA][:most]


def near_ones(found: Iterable[RelevantFinding], feature: Feature) -> list[RelevantFinding]:
    """Return what is more than of the area, the feature's own first."""
    near = (each for each in found if each.far < OF_AREA)
    return sorted(near, key=partial(own_first, feature.id))


def touching(
    finding: Finding, feature: str, files: frozenset[str], names: frozenset[str] = frozenset()
) -> RelevantFinding | None:
    """Return the finding and why it concerns this feature, None where it does not; patterns are
    told to all of them.

    `names` are the files and the code that the feature's words name.
    """
    if finding.kind is FindingKind.PATTERN:
        return None
    met = next((cite.path for cite in finding.standing_cites if cite.path in files), "")
    if met:
        return RelevantFinding(
            finding=finding, why=f"cites {line(met, 120)}, which this work touches"
        )
    if names and (said := names_in(finding) & names):
        return RelevantFinding(
            finding=finding, why=f"says {line(min(said), 120)}, which this work touches"
        )
    if finding.feature == feature:
        return RelevantFinding(finding=finding, why="is of this feature", far=OF_FEATURE)
    return (
        None
        if finding.feature
        else RelevantFinding(finding=finding, why="is of no feature in particular", far=OF_NONE)
    )


def named_in(cite: Cite, code: frozenset[str]) -> bool:
    """Return whether the function or class of a cite is among the names of code in a text."""
    return cite.symbol in code or cite.symbol.rpartition(".")[2] in code


def names_in(finding: Finding) -> set[str]:
    """Return every word and path that a finding says, cites aside."""
    text = "\n".join(
        (
            finding.claim,
            finding.next_action,
            *finding.commands,
            *(each.file for each in finding.grounds.evidence),
        )
    )
    return {*NAME.findall(text), *WORD.findall(text)}


def of_area(
    others: Iterable[Finding],
    findings: Sequence[Finding],
    feature: Feature,
    files: frozenset[str],
    plan: Plan | None,
) -> Iterator[RelevantFinding]:
    """Of these findings those that share enough words with the work: with what is asked for,
    and with the names of its files.

    What many findings say weighs nothing, what few say weighs most; where a finding lies weighs
    twice as much as what it says.
    """
    about = areas_of(findings, plan)
    common = Counter(word for location, said in about.values() for word in location | said)
    most = COMMON * len(findings) if len(findings) >= FEW else math.inf
    work = {word for word in work_words(feature, files) if common[word] <= most}
    for finding in others:
        location, said = about[finding.id]
        shared = {
            word: math.log1p(len(findings) / common[word]) * (1 if word in location else SAID)
            for word in (location | said) & work
        }
        weight = sum(shared.values())
        if weight >= ENOUGH:
            telling = sorted(shared, key=lambda word: (-shared[word], word))[:3]
            yield RelevantFinding(
                finding=finding,
                why=f"is of the same area: {', '.join(telling)}",
                far=OF_AREA,
                shared=weight,
            )


def work_words(feature: Feature, files: Iterable[str]) -> frozenset[str]:
    """Return the words of what a feature asks for and of the names of its files."""
    asked = (
        feature.title,
        feature.description,
        *feature.criteria,
        *feature.steps,
        feature.notes,
        category(feature),
    )
    return stems("\n".join((*asked, *files)))


def areas_of(findings: Sequence[Finding], plan: Plan | None) -> Mapping[str, Area]:
    """Return the area of each finding, by its id."""
    planned = {feature.id: feature for feature in plan.features} if plan else {}
    return {finding.id: area_of(finding, planned.get(finding.feature)) for finding in findings}


def area_of(finding: Finding, plan: Feature | None) -> Area:
    """Return the words that tell where a finding lies, and those that it says or that the feature
    has for which it was found."""
    cited = (text for cite in finding.standing_cites for text in (cite.path, cite.symbol))
    where = (
        *cited,
        *(each.file for each in finding.grounds.evidence),
        category(plan) if plan else "",
    )
    said = (finding.claim, finding.remarks.choice, finding.next_action, plan.title if plan else "")
    return stems("\n".join(where)), stems("\n".join(said))


def category(feature: Feature) -> str:
    """Return what the plan says of where a feature belongs, in whatever field."""
    return " ".join(text for name, text in feature.more if name.casefold() in AREAS)


def rank(known: RelevantFinding) -> tuple[bool, bool, float, int, int, float]:
    """Return what is told first: near before less near, there by what is shared; fresh before
    stale, settled before open."""
    order = 0 if known.state in CONFIRMED else ORDER.index(known.state)
    return (
        known.far > OF_FEATURE,
        known.state is State.STALE,
        -round(known.shared),
        order,
        known.far,
        -latest(known.finding),
    )


def own_first(feature: str, known: RelevantFinding) -> bool:
    return known.finding.feature != feature


def use(known: RelevantFinding) -> tuple[bool, bool, bool, int, float]:
    """Stale and refuted ones last; the person's word first, then what sessions went by, saw and
    said most often, then the latest."""
    found = known.finding
    said = (
        found.word_of is not Author.PERSON,
        -known.used - len(found.events) - len(known.twins),
        -latest(found),
    )
    return known.state is State.STALE, known.state is State.REJECTED, *said


def latest(finding: Finding) -> float:
    return max((finding.origin.at, *(event.at for event in finding.events))).timestamp()


def said_once(ranked: Iterable[RelevantFinding]) -> Iterator[RelevantFinding]:
    """Of those with the same claim the first; what was confirmed both ways stands there twice,
    for it is a contradiction."""
    kept: dict[tuple[str, State], RelevantFinding] = {}
    keys: dict[str, tuple[str, State]] = {}
    for known in ranked:
        claim = folded(known.finding.claim)
        key = (claim, known.state)
        if known.state not in CONFIRMED:
            # An open one beside a confirmed one of the same words adds nothing: it joins that.
            key = keys.get(claim, key)
        first = kept.get(key)
        kept[key] = replace(first, twins=(*first.twins, known.finding.id)) if first else known
        keys.setdefault(claim, key)
    yield from kept.values()


def reproductions(told: Sequence[RelevantFinding]) -> Iterator[str]:
    """Yield the commands that show the failures, with how often they are expected to fail and how
    often they did; what was ruled out is none."""
    seen: dict[str, str] = {}
    for each in told:
        again, (failed, runs) = each.finding.grounds.reproduction, each.finding.failure_rate
        if again and each.finding.state is not State.REJECTED:
            old = f"; {CHANGED}" if each.state is State.STALE else ""
            did = f"; it did {failed} of {runs}" if runs else ""
            rate = f"{again.fails} of {again.of}" if again.of > 1 else "every time"
            seen.setdefault(
                again.command, f"{quoted(again.command)} fails {rate}{did}{old} ({each.finding.id})"
            )
    yield from [*seen.values()][:REPRODUCTIONS]


def next_action(near: Sequence[Finding], feature: str, past: FeatureHistory) -> str:
    """Return what the last session said is to be done next; else what the latest finding says, else
    what the last refusal asks for."""
    own = [
        each
        for each in near
        if each.feature == feature and each.next_action and each.state is not State.REJECTED
    ]
    last = [each for each in own if past.sessions[-1:] == (each.origin.session,)]
    if own:
        return line(max(last or own, key=latest).next_action, 500)
    asked = (
        detail.removeprefix(NEXT)
        for entry in past.tried
        for detail in entry.details
        if detail.startswith(NEXT)
    )
    return next(asked, "")


def location(cite: Cite) -> str:
    return line(f"{cite.path}:{cite.lines[0]}-{cite.lines[1]}" if cite.lines else cite.path, 120)


def quoted(text: str, limit: int = 300) -> str:
    """Return anybody's text as a code span: no markup, no link, no mention of a person or an issue
    comes out of it."""
    flat = line(text, limit)
    fence = fence_of(flat, 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def fence_of(text: str, least: int) -> str:
    """Return more backticks than stand together anywhere in a text."""
    return "`" * max([least, *(len(run) + 1 for run in FENCE.findall(text))])


def texts_of(feature: Feature) -> tuple[str, ...]:
    """Return every text of the plan that a session on a feature is told."""
    told = (
        feature.id,
        feature.title,
        feature.description,
        *feature.criteria,
        *feature.steps,
        feature.notes,
        *feature.verify,
    )
    return (*told, *named(feature))


def named(feature: Feature) -> tuple[str, ...]:
    """Return the fields of the plan that have no meaning here, each with its name."""
    return tuple(f"{name}: {text}" for name, text in feature.more)
