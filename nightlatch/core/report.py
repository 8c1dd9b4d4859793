"""What the branch's record, its commits and the journal come to in the morning: the report of
one run, or of all since a moment."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

from nightlatch.core import manifests
from nightlatch.core.findings import Finding, State
from nightlatch.core.globs import matcher
from nightlatch.core.history import decision_of, named
from nightlatch.core.models import LANDS, Feature
from nightlatch.core.progress import (
    LIST_PRICE,
    SESSION_WORDS,
    TITLE,
    Ask,
    Entry,
    Item,
    RunEnd,
    RunStart,
    is_folded,
    line,
    question_of,
    unfolded,
)
from nightlatch.core.reportvalues import Change, Decide, Decided, Known, Part, Report, Risk, Session
from nightlatch.core.survey import Survey
from nightlatch.core.testnames import is_reported_test

LARGE = 400
MOST_COMMAND = 8_000  # a command that is cut is no command
SLIPPED = "slipped: "  # how the title of a note begins by which the loop takes a flag back
NEEDS_YOU = "3"
PAUSE = timedelta(minutes=5)
STOPS = {
    "0": "ended",
    "3": "needs you",
    "4": "fault",
    "5": "red",
    "75": "limited",
    "130": "signal",
    "143": "signal",
}
IS_MANIFEST = matcher(f"**/{name}" for name in manifests.DEPENDENCIES)
_SESSION = re.compile(r"session (\S+)  digest ([0-9a-f]{6})")
_RUN = re.compile(r"r-(\d{8}-\d{6})")
_FIX = re.compile(r"; fix: (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The commit that a session landed as: its files (None where they were not looked at), its
    trailers without their prefix."""

    commit: str
    trailers: Mapping[str, str]
    changes: tuple[Change, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What the journal on this machine adds to the record: all of it is empty in a fresh clone."""

    began: Mapping[str, datetime] = field(default_factory=dict)
    agents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    limits: tuple[tuple[datetime, str], ...] = ()
    slept: tuple[tuple[datetime, datetime], ...] = ()
    stops: Mapping[str, tuple[str, str, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Everything a report is made of.

    `run` and `since` choose; `reused` and `stale` are ids of findings; `going` is the run at work.
    """

    project: str
    program: str
    branch: str
    tip: str
    items: tuple[Item, ...]
    survey: Survey
    landings: Mapping[str, Landed] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    findings: tuple[Finding, ...] = ()
    stale: frozenset[str] = frozenset()
    unpushed: int | None = None
    going: str = ""
    stop: RunEnd | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One run of the record: what opened it, what closed it (None: nothing did), and its
    entries."""

    run: str = ""
    start: RunStart | None = None
    end: RunEnd | None = None
    entries: tuple[Entry, ...] = ()


def nights(items: Iterable[Item]) -> list[Night]:
    """The runs of a record, oldest first; what stands before the first one belongs to a run
    without a name."""
    found, entries = [Night()], list[Entry]()
    for item in items:
        if isinstance(item, RunStart):
            found[-1] = replace(found[-1], entries=tuple(entries))
            found.append(Night(run=item.run, start=item))
            entries = []
        elif isinstance(item, RunEnd):
            found[-1] = replace(found[-1], run=found[-1].run or item.run, end=item)
        elif isinstance(item, Entry):
            entries.append(item)
    found[-1] = replace(found[-1], entries=tuple(entries))
    return [night for night in found if night.run or night.entries]


def chosen(items: Iterable[Item], run: str = "", since: datetime | None = None) -> list[Night]:
    """The last run with those before it that were cut off, for it goes on with them; or the run
    of this name; since a moment, what happened in all of them."""
    found = [night for night in nights(items) if run in ("", night.run)]
    if since is None:
        return whole(found) if not run else found[-1:]
    kept = (
        replace(night, entries=tuple(entry for entry in night.entries if entry.at >= since))
        for night in found
    )
    return [night for night in kept if night.entries or (began(night) or since) > since]


def whole(found: Sequence[Night]) -> list[Night]:
    """The last of these runs, with those directly before it that did not come to their end."""
    first = len(found) - 1
    while first > 0 and found[first - 1].end is None and found[first - 1].start:
        first -= 1
    return [*found[max(first, 0) :]]


def began(night: Night) -> datetime | None:
    """When a run began: its name says so."""
    found = _RUN.match(night.run)
    try:
        return (
            datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
            if found
            else night.entries[0].at
        )
    except (ValueError, IndexError):
        return None


def build(source: Source, picked: Sequence[Night]) -> Report:
    """The report on these runs; on none it says how things stand."""
    last = picked[-1] if picked else Night()
    end = source.stop or last.end
    latest = not picked or nights(source.items)[-1:] == [last]
    sessions = tuple(_sessions(source, picked))
    kind, stop, stopped = _stopped(source, last, end)
    start = began(picked[0]) if picked else None
    opened = dict(picked[0].start.fields) if picked and picked[0].start else {}
    closed = dict(end.fields) if end else {}
    known = (source.survey.passing, len(source.survey.plan.features))
    passing, total = known if latest else _counts(closed.get("passing", ""), known)
    tests = next(
        (
            detail.removeprefix("branch  ")
            for detail in (end.details if end else ())
            if detail.startswith("branch  ")
        ),
        "",
    )
    before = _counts(opened.get("passing", ""), known)[0]
    fixed, ended = _FIX.search(stop), stopped or (sessions[-1].ended if sessions else start)
    return Report(
        project=line(source.project, 60),
        program=source.program,
        runs=tuple(line(night.run, 40) for night in picked if night.run),
        start=start,
        end=max(ended, start) if ended and start else ended,
        kind=kind,
        stop=line(_FIX.sub("", stop)),
        fix=line(fixed[1], 200) if fixed else _usual_fix(kind, source.program),
        branch=line(source.branch, 80),
        tip=source.tip,
        base=line(opened.get("base", ""), 40),
        tests=line(tests.partition(";")[0], 120) or _last_tests(sessions),
        unpushed=source.unpushed,
        before=before,
        passing=passing,
        total=total,
        budget=line(opened.get("budget", "").replace("none", ""), 20),
        decide=(*_decide(source), *_slipped(source)) if latest else (),
        decided=tuple(_decided(source)) if latest else (),
        sessions=sessions,
        waits=tuple(_waits(source, sessions)),
        burnup=tuple(_burnup(start, before, picked)),
        findings=tuple(_findings(source, sessions)),
        missing=source.missing,
        next=tuple(_next(source, latest, closed.get("exit", ""))),
    )


def _counts(text: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    done, _, total = text.partition("/")
    return (int(done), int(total)) if done.isdecimal() and total.isdecimal() else otherwise


def _stopped(source: Source, last: Night, end: RunEnd | None) -> tuple[str, str, datetime | None]:
    """How, why and when the last run ended."""
    code, why, at = source.times.stops.get(last.run, ("", "", None))
    if end:
        fields = dict(end.fields)
        why = next(
            (
                detail.removeprefix("stop    ")
                for detail in end.details
                if detail.startswith("stop    ")
            ),
            why,
        )
        code, at = fields.get("exit", code), _moment(fields.get("at", "")) or at
        failed = [entry.word for entry in last.entries if entry.word in SESSION_WORDS][-1:] == [
            "failed"
        ]
        return STOPS.get(code, "error") if code else "fault" if failed else "ended", why, at
    if not last.run:
        return "", "", None
    if source.going == last.run:
        return "going", "it is still at work", None
    return (
        (STOPS.get(code, "error"), why, at)
        if why
        else ("cut off", "the run did not come to its end", None)
    )


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _usual_fix(kind: str, program: str) -> str:
    return {
        "fault": f"{program} doctor",
        "error": f"{program} doctor",
        "red": f"{program} doctor",
        "cut off": f"{program} run",
    }.get(kind, "")


def _last_tests(sessions: Sequence[Session]) -> str:
    """What the last landing's tests came to, where no end block says more."""
    found = [proof for one in sessions for proof in one.proof if proof.startswith("tests ")]
    return f"{found[-1].removeprefix('tests ')} at the last landing" if found else ""


def _sessions(source: Source, picked: Sequence[Night]) -> Iterator[Session]:
    ids = {id(entry) for night in picked for entry in night.entries}
    story = _story(source.items)
    run = agent = ""
    refused: dict[str, tuple[int, str]] = {}
    last = dict[str, Entry]()
    for item in source.items:
        if isinstance(item, RunStart):
            run, agent = item.run, dict(item.fields).get("agent", "")
        if not isinstance(item, Entry) or item.word not in SESSION_WORDS or not item.details:
            continue
        count, rule = refused.get(item.feature, (0, ""))
        if id(item) in ids and (found := _SESSION.fullmatch(item.details[-1])):
            cut = (
                ""
                if found[1].startswith(f"{run}-")
                else f"began in {line(found[1].rpartition('-')[0], 40)}, which was cut off"
            )
            told = unfolded(item, last.get(item.feature))
            yield _session(source, told, found, agent, (count, rule, cut), story.get(id(item), ""))
        if item.word == "rejected":
            last[item.feature] = unfolded(item, last.get(item.feature))
        refused[item.feature] = (
            (0, "")
            if item.word in LANDS
            else (count + 1, item.rule if item.word == "rejected" else rule)
        )


def _session(
    source: Source,
    entry: Entry,
    found: re.Match[str],
    agent: str,
    past: tuple[int, str, str],
    then: str,
) -> Session:
    landing = source.landings.get(found[1])
    began_at = source.times.began.get(found[1]) or entry.at - timedelta(minutes=entry.minutes or 0)
    who, model = source.times.agents.get(found[1], (agent, ""))
    return Session(
        id=line(found[1], 80),
        feature=line(entry.feature, 60),
        digest=found[2],
        title=line(entry.title, TITLE),
        outcome=entry.word,
        rule=line(entry.rule, 60),
        said=tuple(line(detail) for detail in entry.details[:-1]),
        tries=entry.tries,
        began=min(began_at, entry.at),
        ended=entry.at,
        minutes=entry.minutes,
        usd=entry.usd,
        listed=LIST_PRICE in entry.details,
        agent=line(who, 40),
        model=line(model, 60),
        then=then,
        commit=landing.commit if landing else "",
        changes=landing.changes if landing else None,
        proof=tuple(_proof(landing)) if landing else (),
        risks=tuple(_risks(landing, *past)) if landing else (),
    )


def _story(items: Iterable[Item]) -> dict[int, str]:
    """What happened next to the feature of each entry, by the entry; "" where nothing did."""
    told: dict[int, str] = {}
    later: dict[str, str] = {}
    for item in reversed([item for item in items if isinstance(item, Entry)]):
        told[id(item)] = later.get(item.feature, "")
        if item.word in SESSION_WORDS:
            later[item.feature] = (
                f"then {item.word}{f' ({line(item.rule, 60)})' if item.rule else ''}"
            )
        elif item.word == "decision":
            later[item.feature] = f"you said {line(decision_of(item)[0], 20)}"
    return told


def _proof(landing: Landed) -> Iterator[str]:
    """What proved it, as its commit says."""
    for name in ("Verify", "Checks", "Tests", "Judge", "Approved"):
        if value := landing.trailers.get(name):
            yield f"{name.lower()} {line(value, 160)}"


def _risks(landing: Landed, sessions: int, refused: str, cut: str) -> Iterator[Risk]:
    if refused:
        yield Risk(rule="after-refusal", says=f"landed after {line(refused, 60)}", weight=16)
    if "Approved" in landing.trailers:
        yield Risk(rule="approved", says="was held, and you approved it", weight=8)
    if landing.changes:
        yield from _risks_of(landing.changes)
    if sessions >= 2:
        yield Risk(rule="many-sessions", says=f"took {sessions + 1} sessions", weight=2)
    if cut:
        yield Risk(rule="cut-off", says=cut, weight=1)


def _risks_of(changes: Sequence[Change]) -> Iterator[Risk]:
    if out := sum(change.removed for change in changes if is_reported_test(change.path)):
        yield Risk(rule="old-tests", says=f"changes old tests (-{out} lines)", weight=8)
    if manifest := next((change.path for change in changes if IS_MANIFEST(change.path)), ""):
        yield Risk(rule="dependencies", says=f"changes {line(manifest, 60)}", weight=4)
    if sum(change.added + change.removed for change in changes) > LARGE:
        yield Risk(rule="large", says=f"over {LARGE} lines", weight=2)


def _decide(source: Source) -> Iterator[Decide]:
    """Every decision that waits now, whichever run it comes from."""
    left = {feature.id: (feature, waiting) for feature, waiting in source.survey.left}
    for name, ask, command in source.survey.decisions(source.program):
        if ask.others:
            yield _together(source, ask, name, command)
            continue
        feature, waiting = left[ask.feature]
        kind = waiting.word if waiting else ""
        said = waiting.says if waiting else ""
        own = _own(source, feature)
        question = (
            _asked(own)
            if kind == "blocked"
            else said.partition(": ")[2]
            if kind in ("held", "unproved")
            else _refused(own, said)
        )
        costs = [one.usd for one in own if one.usd is not None]
        plan = (
            'in the plan: "answer": "..."'
            if kind == "blocked"
            else 'to leave it aside, in the plan: "hold": true'
        )
        plan = "or give it a verify that fails today" if ask.verb == "done" else plan
        about = next(
            (found[1] for one in reversed(own) if (found := _SESSION.fullmatch(one.details[-1]))),
            "",
        )
        landing = source.landings.get(about)
        behind = _behind(source, {feature.id})
        yield Decide(
            name=line(name, 80),
            feature=line(feature.id, 60),
            title=line(feature.title, TITLE),
            kind=kind,
            by="the agent asks" if kind == "blocked" else "the loop",
            question=line(question or said, 500),
            says=line(ask.says),
            command=line(command),
            other=line(ask.other(source.program)),
            otherwise=plan,
            holds_up=behind,
            sessions=len(own),
            usd=sum(costs) if costs else None,
            session=line(about, 80),
            commit=landing.commit if landing else "",
            checked=tuple(_proof(landing)) if landing else (),
        )


def _together(source: Source, ask: Ask, name: str, command: str) -> Decide:
    """One decision about all work that landed unproved, with each feature's landing."""
    left = {feature.id: feature for feature, _ in source.survey.left}
    features = [left[each] for each in ask.features]
    own = {feature.id: _own(source, feature) for feature in features}
    costs = [one.usd for each in own.values() for one in each if one.usd is not None]
    return Decide(
        name=line(name, 80),
        feature=line(ask.feature, 60),
        title="have landed unproved",
        kind="unproved",
        by="the loop",
        question=line(ask.says.partition(": ")[2], 500),
        says=line(ask.says),
        command=line(command, MOST_COMMAND),
        other=line(ask.other(source.program), MOST_COMMAND),
        otherwise="or refuse some of them first, and approve the rest",
        holds_up=_behind(source, {*ask.features}),
        sessions=sum(map(len, own.values())),
        usd=sum(costs) if costs else None,
        parts=tuple(_part(source, ask, feature, own[feature.id]) for feature in features),
    )


def _part(source: Source, ask: Ask, feature: Feature, own: Sequence[Entry]) -> Part:
    entry = next((one for one in reversed(own) if one.word == "unproved"), None)
    found = _SESSION.fullmatch(entry.details[-1]) if entry else None
    session = found[1] if found else ""
    landing, alone = source.landings.get(session), replace(ask, feature=feature.id, others=())
    said = question_of(entry.details) if entry and entry.details[1:] else ""
    return Part(
        feature=line(feature.id, 60),
        title=line(feature.title, TITLE),
        question=line(said, 500),
        id=line(session, 80),
        commit=landing.commit if landing else "",
        proof=tuple(_proof(landing)) if landing else (),
        changes=landing.changes if landing else None,
        command=line(alone.command(source.program)),
        other=line(alone.other(source.program)),
    )


def _own(source: Source, feature: Feature) -> list[Entry]:
    """The sessions on a feature as it stands now."""
    return [
        one
        for one in source.items
        if isinstance(one, Entry) and _is_of(one, feature.id, feature.digest)
    ]


def _behind(source: Source, names: Collection[str]) -> tuple[str, ...]:
    """The features that wait behind these, and are none of them."""
    return tuple(
        line(f.id, 60)
        for f, _ in source.survey.left
        if f.id not in names and not {*f.depends}.isdisjoint(names)
    )


def reaching(
    items: Sequence[Item], picked: Sequence[Night], asked: Collection[str]
) -> Sequence[Night]:
    """These runs, and before them the first one in which work landed unproved that a person is
    asked about."""
    known = nights(items) if asked else ()
    first = next(
        (n for n in known if any(e.word == "unproved" and e.feature in asked for e in n.entries)),
        None,
    )
    older = first is not None and picked and first not in picked and first.run != picked[0].run
    return [first, *picked] if first is not None and older else picked


def _refused(own: Sequence[Entry], said: str) -> str:
    """Why no session works on it any more, with the last refusal in words."""
    told = [one.details[0] for one in own if one.word == "rejected" and not is_folded(one)]
    return f"{said}: {told[-1]}" if told else said


def _decided(source: Source) -> Iterator[Decided]:
    """What the person decided since the last run ended, and what waits for the next one."""
    since = takewhile(lambda item: not isinstance(item, RunStart | RunEnd), reversed(source.items))
    done = [
        (item.feature, decision_of(item)[0])
        for item in since
        if isinstance(item, Entry) and item.word == "decision"
    ]
    for carried_out, found in ((True, reversed(done)), (False, source.survey.decided.items())):
        for name, verb in found:
            feature = source.survey.plan.feature(name)
            title = line(feature.title, TITLE) if feature else ""
            yield Decided(
                feature=line(name, 60), title=title, verb=line(verb, 20), carried_out=carried_out
            )


def _asked(own: Sequence[Entry]) -> str:
    """The question of the last session that asked one, whole."""
    return next(
        (
            question_of(one.details)
            for one in reversed(own)
            if one.word == "blocked" and one.details
        ),
        "",
    )


def _slipped(source: Source) -> Iterator[Decide]:
    """The features that passed, slipped back and are work again: nothing waits, and a person
    may want another thing than that."""
    last = {
        entry.feature: entry
        for entry in source.items
        if isinstance(entry, Entry) and (entry.word == "landed" or is_slip(entry))
    }
    for feature, _ in source.survey.left:
        entry = last.get(feature.id)
        settled = (
            feature.hold
            or feature.skip
            or feature.id in source.survey.asked
            or feature.id in source.survey.decided
        )
        if entry is None or not is_slip(entry) or settled:
            continue
        yield Decide(
            name=line(feature.id, 60),
            feature=line(feature.id, 60),
            title=line(feature.title, TITLE),
            kind="slipped",
            by="the loop",
            question=line(entry.title, 500),
            says=line(f"{feature.title} {entry.title}"),
            command=line(f"{source.program} hold {feature.id}"),
            other="",
            otherwise=(
                "or leave it as it is: the next session on it repairs what broke, or `git revert`"
                " the commit that did"
            ),
            holds_up=(),
            sessions=0,
            usd=None,
        )


def is_slip(entry: Entry) -> bool:
    """Does this note take a flag back that the loop had given?"""
    return entry.word == "note" and entry.title.startswith(SLIPPED)


def _is_of(entry: Entry, feature: str, digest: str) -> bool:
    """Is this a session on the feature as it stands now?"""
    found = (
        _SESSION.fullmatch(entry.details[-1])
        if entry.feature == feature and entry.details
        else None
    )
    return entry.word in SESSION_WORDS and found is not None and found[2] == digest


def _waits(source: Source, sessions: Sequence[Session]) -> Iterator[tuple[datetime, datetime, str]]:
    """When the machine slept; the pauses between sessions of one run, with the limit that was
    met where one was."""
    slept = source.times.slept if sessions else ()
    yield from (
        (*nap, "the machine slept")
        for nap in slept
        if sessions[0].began <= nap[1] and nap[0] <= sessions[-1].ended
    )
    for before, after in pairwise(sessions):
        if (
            after.began - before.ended >= PAUSE
            and before.id.rpartition("-")[0] == after.id.rpartition("-")[0]
        ):
            met = [agent for at, agent in source.times.limits if before.began <= at <= after.began]
            yield (
                before.ended,
                after.began,
                f"{line(met[-1], 40)} was limited" if met else "no session ran",
            )


def _burnup(
    start: datetime | None, before: int, picked: Sequence[Night]
) -> Iterator[tuple[datetime, int]]:
    """How many features passed when: landings and the person's word count up, what they took
    back counts down."""
    if start:
        yield start, before
    for entry in (entry for night in picked for entry in night.entries):
        verb = decision_of(entry)[0] if entry.word == "decision" else ""
        step = (entry.word == "landed") + (verb in ("approve", "done")) - (verb == "revert")
        if step:
            before += step
            yield entry.at, before


def _findings(source: Source, sessions: Sequence[Session]) -> Iterator[Known]:
    """What needs somebody first, then what is certain."""
    went_by = [name for one in sessions for word, name in named(one.said) if word == "reused"]
    order = (State.BLOCKED, State.STALE, State.OPEN, State.VERIFIED, State.REJECTED)
    state = {
        each.id: State.STALE if each.id in source.stale else each.state for each in source.findings
    }
    for each in sorted(source.findings, key=lambda each: (order.index(state[each.id]), each.id)):
        yield Known(
            id=line(each.id, 20),
            state=state[each.id].value,
            claim=line(each.claim, 200),
            by=each.word_of.value,
            next=line(each.next_action, 160),
            reused=went_by.count(each.id),
        )


def _next(source: Source, latest: bool, code: str) -> Iterator[tuple[str, str]]:
    """What the next run would do, each with its command."""
    runs = [line(feature.id, 60) for feature, waiting in source.survey.left if waiting is None]
    behind = source.survey.count("behind")
    if not latest:
        return
    if runs:
        more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        yield f"{', '.join(runs[:3])}{more} can run", f"{source.program} run"
    elif source.survey.waiting:
        yield (
            "nothing can run until you decide" + (f"; {behind} wait behind it" if behind else ""),
            f"{source.program} status",
        )
    elif source.survey.decided:
        yield "what you decided waits for the run", f"{source.program} run"
    elif not source.survey.plan.features:
        yield "the plan has no features", "add one to the plan"
    elif code == NEEDS_YOU:
        # nothing waits and nothing can run: what somebody says that it passes does not
        says = (
            "a feature says that it passes, and its verify is red: repair it, or take its flag back"
            " in the plan"
        )
        yield says, f"{source.program} verify"
    else:
        yield "nothing is left to do", "add a feature to the plan"
