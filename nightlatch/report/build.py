"""What the branch's record, its commits and the journal come to in the morning: the report of
one run, or of all since a moment."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from nightlatch.model.models import LANDS
from nightlatch.record.findings.findings import State
from nightlatch.record.history import decision_of, named
from nightlatch.record.progress import (
    LIST_PRICE,
    SESSION_WORDS,
    TITLE,
    Entry,
    Item,
    RunEnd,
    RunStart,
    line,
    unfolded,
)
from nightlatch.report.model import (
    Asks,
    BranchFacts,
    FileStat,
    Known,
    PassingFeatures,
    Report,
    Risk,
    RunFacts,
    SessionReport,
)
from nightlatch.report.pending import decided, decisions, slipped_features
from nightlatch.report.source import (
    _SESSION,
    STOPS,
    LandedCommit,
    RunRecord,
    Source,
    _proof,
    began,
    nights,
)
from nightlatch.suite.test_names import is_reported_test
from nightlatch.util import manifests
from nightlatch.util.globs import matcher

NEEDS_YOU = "3"  # the exit code of a run that waits for the person
LARGE = 400  # lines: beyond it a person no longer reads a change in one sitting
PAUSE = timedelta(minutes=5)  # what preparing a session takes is no wait
IS_MANIFEST = matcher(f"**/{name}" for name in manifests.DEPENDENCIES)
_FIX = re.compile(r"; fix: (.+)")


def build(source: Source, picked: Sequence[RunRecord]) -> Report:
    """Return the report on these runs; on none it says how things stand."""
    last = picked[-1] if picked else RunRecord()
    end = source.latest.end or last.end
    # an older run is told as it was: what waits and what is next are facts of today
    is_latest = not picked or nights(source.items)[-1:] == [last]
    sessions = tuple(_sessions(source, picked))
    run = _run_facts(source, picked, end, sessions)
    return Report(
        project=line(source.project, 60),
        program=source.program,
        run=run,
        branch=BranchFacts(
            name=line(source.branch.name, 80),
            tip=source.branch.tip,
            tests=_branch_tests(end) or _last_tests(sessions),
            unpushed=source.branch.unpushed,
        ),
        passing=_passing(source, picked, run.start, end, is_latest=is_latest),
        asks=_asks(source, end) if is_latest else Asks(pending=(), decided=(), next=()),
        sessions=sessions,
        waits=tuple(_waits(source, sessions)),
        findings=tuple(_findings(source, sessions)),
        missing=source.missing,
    )


def _run_facts(
    source: Source,
    picked: Sequence[RunRecord],
    end: RunEnd | None,
    sessions: Sequence[SessionReport],
) -> RunFacts:
    """Return when the runs began and ended, and how the last one did."""
    kind, why, stopped = _stopped(source, picked[-1] if picked else RunRecord(), end)
    opening = _opening(picked)
    start = began(picked[0]) if picked else None
    ended = stopped or (sessions[-1].ended if sessions else start)
    fix = _FIX.search(why)
    return RunFacts(
        names=tuple(line(night.run, 40) for night in picked if night.run),
        start=start,
        # the clock of the machine may have been set back in the night
        end=max(ended, start) if ended and start else ended,
        kind=kind,
        stop=line(_FIX.sub("", why)),
        fix=line(fix[1], 200) if fix else _usual_fix(kind, source.program),
        base=line(opening.get("base", ""), 40),
        budget=line(opening.get("budget", "").replace("none", ""), 20),
    )


def _opening(picked: Sequence[RunRecord]) -> Mapping[str, str]:
    """Return the fields of the line that opened the first of these runs."""
    start = picked[0].start if picked else None
    return dict(start.fields) if start else {}


def _detail(end: RunEnd | None, head: str) -> str:
    """Return the line of the end block that begins so, without its beginning; "" for none."""
    details = end.details if end else ()
    lines = (text.removeprefix(head) for text in details if text.startswith(head))
    return next(lines, "")


def _branch_tests(end: RunEnd | None) -> str:
    """Return what the end block says of the branch's tests."""
    return line(_detail(end, "branch  ").partition(";")[0], 120)


def _passing(
    source: Source,
    picked: Sequence[RunRecord],
    start: datetime | None,
    end: RunEnd | None,
    *,
    is_latest: bool,
) -> PassingFeatures:
    """Return how many features passed before these runs and after them."""
    today = (source.survey.passing, len(source.survey.plan.features))
    closing = dict(end.fields) if end else {}
    now, total = today if is_latest else _counts(closing.get("passing", ""), today)
    before, _ = _counts(_opening(picked).get("passing", ""), today)
    return PassingFeatures(
        before=before, now=now, total=total, burnup=tuple(_burnup(start, before, picked))
    )


def _asks(source: Source, end: RunEnd | None) -> Asks:
    """Return what waits for the person today, and what comes next."""
    return Asks(
        pending=(*decisions(source), *slipped_features(source)),
        decided=tuple(decided(source)),
        next=tuple(_next(source, dict(end.fields).get("exit", "") if end else "")),
    )


def _counts(text: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    done, _, total = text.partition("/")
    return (int(done), int(total)) if done.isdecimal() and total.isdecimal() else otherwise


def _stopped(
    source: Source, last: RunRecord, end: RunEnd | None
) -> tuple[str, str, datetime | None]:
    """How, why and when the last run ended."""
    code, why, at = source.times.stops.get(last.run, ("", "", None))
    if end:
        fields = dict(end.fields)
        why = _detail(end, "stop    ") or why
        code, at = fields.get("exit", code), _moment(fields.get("at", "")) or at
        return _kind_of(code, last), why, at
    if not last.run:
        return "", "", None
    if source.latest.going == last.run:
        return "going", "it is still running", None
    return (
        (STOPS.get(code, "error"), why, at) if why else ("cut off", "the run did not finish", None)
    )


def _kind_of(code: str, run: RunRecord) -> str:
    """Return how a run ended that wrote its end block."""
    if code:
        return STOPS.get(code, "error")
    outcomes = [entry.word for entry in run.entries if entry.word in SESSION_WORDS]
    return "fault" if outcomes[-1:] == ["failed"] else "ended"


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


def _last_tests(sessions: Sequence[SessionReport]) -> str:
    """Return what the last landing's tests came to, where no end block says more."""
    found = [proof for one in sessions for proof in one.proof if proof.startswith("tests ")]
    return f"{found[-1].removeprefix('tests ')} at the last landing" if found else ""


def _sessions(source: Source, picked: Sequence[RunRecord]) -> Iterator[SessionReport]:
    ids = {id(entry) for night in picked for entry in night.entries}
    story = _story(source.items)
    run = agent = ""
    # by feature: the sessions since it last landed, and the last refusal as the record has it
    past = defaultdict[str, _Past](_Past)
    refusals = dict[str, Entry]()
    for item in source.items:
        if isinstance(item, RunStart):
            run, agent = item.run, dict(item.fields).get("agent", "")
        if not isinstance(item, Entry) or item.word not in SESSION_WORDS or not item.details:
            continue
        whole = unfolded(item, refusals.get(item.feature))
        if id(item) in ids and (name := _SESSION.fullmatch(item.details[-1])):
            before = replace(past[item.feature], cut_off=_cut_off(name[1], run))
            yield _session(source, whole, name, agent, before, story.get(id(item), ""))
        if item.word == "rejected":
            refusals[item.feature] = whole
        past[item.feature] = past[item.feature].after(item)


def _cut_off(session: str, run: str) -> str:
    """Return that a session belongs to an earlier run than the one that ended it, "" otherwise."""
    if session.startswith(f"{run}-"):
        return ""
    return f"began in {line(session.rpartition('-')[0], 40)}, which was cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What the sessions on a feature came to since it last landed: their number, the rule of the
    last refusal, and the run that was cut off in the middle of the one at hand."""

    sessions: int = 0
    refused: str = ""
    cut_off: str = ""

    def after(self, entry: Entry) -> "_Past":
        if entry.word in LANDS:
            return _Past()
        rule = entry.rule if entry.word == "rejected" else self.refused
        return _Past(sessions=self.sessions + 1, refused=rule)


def _session(
    source: Source,
    entry: Entry,
    found: re.Match[str],
    agent: str,
    past: _Past,
    then: str,
) -> SessionReport:
    landing = source.landings.get(found[1])
    began_at = source.times.began.get(found[1]) or entry.at - timedelta(minutes=entry.minutes or 0)
    who, model = source.times.agents.get(found[1], (agent, ""))
    return SessionReport(
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
        risks=tuple(_risks(landing, past)) if landing else (),
    )


def _story(items: Iterable[Item]) -> dict[int, str]:
    """Return what happened next to the feature of each entry, by the entry; "" where nothing
    did."""
    told: dict[int, str] = {}
    later: dict[str, str] = {}
    # from the end, so that each entry finds what came after it
    for item in reversed([item for item in items if isinstance(item, Entry)]):
        told[id(item)] = later.get(item.feature, "")
        if item.word in SESSION_WORDS:
            later[item.feature] = (
                f"then {item.word}{f' ({line(item.rule, 60)})' if item.rule else ''}"
            )
        elif item.word == "decision":
            later[item.feature] = f"you said {line(decision_of(item)[0], 20)}"
    return told


def _risks(landing: LandedCommit, past: _Past) -> Iterator[Risk]:
    """Yield why this landing is worth reading.

    What was refused before is read first, then what a person let through or what touched old tests.
    """
    if past.refused:
        yield Risk(rule="after-refusal", says=f"landed after {line(past.refused, 60)}", weight=16)
    if "Approved" in landing.trailers:
        yield Risk(rule="approved", says="was held, and you approved it", weight=8)
    if landing.changes:
        yield from _risks_of(landing.changes)
    if past.sessions >= 2:
        yield Risk(rule="many-sessions", says=f"took {past.sessions + 1} sessions", weight=2)
    if past.cut_off:
        yield Risk(rule="cut-off", says=past.cut_off, weight=1)


def _risks_of(changes: Sequence[FileStat]) -> Iterator[Risk]:
    if out := sum(change.removed for change in changes if is_reported_test(change.path)):
        yield Risk(rule="old-tests", says=f"changes old tests (-{out} lines)", weight=8)
    if manifest := next((change.path for change in changes if IS_MANIFEST(change.path)), ""):
        yield Risk(rule="dependencies", says=f"changes {line(manifest, 60)}", weight=4)
    if sum(change.added + change.removed for change in changes) > LARGE:
        yield Risk(rule="large", says=f"over {LARGE} lines", weight=2)


def _waits(
    source: Source, sessions: Sequence[SessionReport]
) -> Iterator[tuple[datetime, datetime, str]]:
    """Yield when the machine slept; the pauses between sessions of one run, with the limit that was
    met where one was."""
    slept = source.times.slept if sessions else ()
    yield from (
        (*nap, "the machine slept")
        for nap in slept
        if sessions[0].began <= nap[1] and nap[0] <= sessions[-1].ended
    )
    for before, after in pairwise(sessions):
        # the day between two runs is nobody's wait
        is_same_run = before.id.rpartition("-")[0] == after.id.rpartition("-")[0]
        if is_same_run and after.began - before.ended >= PAUSE:
            met = [agent for at, agent in source.times.limits if before.began <= at <= after.began]
            yield (
                before.ended,
                after.began,
                f"{line(met[-1], 40)} was limited" if met else "no session ran",
            )


def _burnup(
    start: datetime | None, before: int, picked: Sequence[RunRecord]
) -> Iterator[tuple[datetime, int]]:
    """Yield how many features passed when: landings and the person's word count up, what they took
    back counts down."""
    if start:
        yield start, before
    for entry in (entry for night in picked for entry in night.entries):
        verb = decision_of(entry)[0] if entry.word == "decision" else ""
        step = (entry.word == "landed") + (verb in ("approve", "done")) - (verb == "revert")
        if step:
            before += step
            yield entry.at, before


def _findings(source: Source, sessions: Sequence[SessionReport]) -> Iterator[Known]:
    """Yield what needs somebody first, then what is certain."""
    went_by = [name for one in sessions for word, name in named(one.said) if word == "reused"]
    # what needs the person comes first, what is settled last
    order = (State.BLOCKED, State.STALE, State.OPEN, State.VERIFIED, State.REJECTED)
    state = {
        each.id: State.STALE if each.id in source.findings.stale else each.state
        for each in source.findings.known
    }
    for each in sorted(
        source.findings.known, key=lambda each: (order.index(state[each.id]), each.id)
    ):
        yield Known(
            id=line(each.id, 20),
            state=state[each.id].value,
            claim=line(each.claim, 200),
            by=each.word_of.value,
            next=line(each.next_action, 160),
            reused=went_by.count(each.id),
        )


def _next(source: Source, code: str) -> Iterator[tuple[str, str]]:
    """Yield what the next run would do, each with its command."""
    runs = [line(feature.id, 60) for feature, waiting in source.survey.left if waiting is None]
    behind = source.survey.count("behind")
    if runs:
        more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        yield f"{', '.join(runs[:3])}{more} can run", f"{source.program} run"
    elif source.survey.waiting:
        yield (
            "nothing can run until you decide"
            + (f"; {behind} more depend on it" if behind else ""),
            f"{source.program} status",
        )
    elif source.survey.decided:
        yield "what you decided waits for the run", f"{source.program} run"
    elif not source.survey.plan.features:
        yield "the plan has no features", "add one to the plan"
    elif code == NEEDS_YOU:
        # nothing waits and nothing can run: what somebody says that it passes does not
        says = (
            "a feature is marked as passing, but its verify is red: repair it, or set its flag"
            " to false in the plan"
        )
        yield says, f"{source.program} verify"
    else:
        yield "nothing is left to do", "add a feature to the plan"
