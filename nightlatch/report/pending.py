"""What waits for the person: each decision with what it is about and its command."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, takewhile
from typing import NamedTuple

from nightlatch.model.models import Feature
from nightlatch.record.history import decision_of
from nightlatch.record.progress import (
    TITLE,
    Ask,
    Entry,
    Item,
    RunEnd,
    RunStart,
    is_folded,
    line,
    question_of,
)
from nightlatch.report.model import (
    Answers,
    Decided,
    Part,
    PendingDecision,
    Question,
    WorkSoFar,
)
from nightlatch.report.source import (
    _SESSION,
    MOST_COMMAND,
    RunRecord,
    Source,
    _proof,
    is_of,
    is_slip,
    nights,
)
from nightlatch.scheduler.policy import Waiting


class NamedCommand(NamedTuple):
    """The name of a decision, and the command that gives it."""

    name: str
    command: str


def decisions(source: Source) -> Iterator[PendingDecision]:
    """Yield every decision that waits now, whichever run it comes from."""
    left = {feature.id: (feature, waiting) for feature, waiting in source.survey.left}
    for name, ask, command in source.survey.decisions(source.program):
        if ask.others:
            yield _together(source, ask, NamedCommand(name, command))
            continue
        feature, waiting = left[ask.feature]
        yield _single(source, ask, NamedCommand(name, command), feature, waiting)


def _single(
    source: Source, ask: Ask, named: NamedCommand, feature: Feature, waiting: Waiting | None
) -> PendingDecision:
    """Return the decision about one feature, with the last session on it."""
    kind = waiting.word if waiting else ""
    says = waiting.says if waiting else ""
    own = own_entries(source, feature)
    names = (_SESSION.fullmatch(one.details[-1]) for one in reversed(own))
    session = next((name[1] for name in names if name), "")
    landing = source.landings.get(session)
    return PendingDecision(
        name=line(named.name, 80),
        feature=line(feature.id, 60),
        title=line(feature.title, TITLE),
        kind=kind,
        question=Question(
            by="the agent asks" if kind == "blocked" else "the loop",
            text=line(_question(kind, says, own) or says, 500),
            says=line(ask.says),
        ),
        answers=Answers(
            command=line(named.command),
            other=line(ask.other(source.program)),
            otherwise=_in_the_plan(kind, ask),
        ),
        holds_up=_behind(source, {feature.id}),
        work=WorkSoFar(
            sessions=len(own),
            usd=_cost(own),
            session=line(session, 80),
            commit=landing.commit if landing else "",
            checked=tuple(_proof(landing)) if landing else (),
        ),
    )


def _question(kind: str, says: str, own: Sequence[Entry]) -> str:
    """Return what the person is asked, in the words of whoever asks."""
    if kind == "blocked":
        return _asked(own)
    if kind in ("held", "unproved"):
        return says.partition(": ")[2]
    return _refused(own, says)


def _in_the_plan(kind: str, ask: Ask) -> str:
    """Return the other way to decide: an edit of the plan."""
    if ask.verb == "done":
        return "or give it a verify that fails today"
    if kind == "blocked":
        return 'in the plan: "answer": "..."'
    return 'to leave it aside, in the plan: "hold": true'


def _cost(entries: Iterable[Entry]) -> float | None:
    """Return the dollars of these sessions, None where none of them reported any."""
    costs = [one.usd for one in entries if one.usd is not None]
    return sum(costs) if costs else None


def _together(source: Source, ask: Ask, named: NamedCommand) -> PendingDecision:
    """Return one decision about all work that landed unproved, with each feature's landing."""
    left = {feature.id: feature for feature, _ in source.survey.left}
    features = [left[each] for each in ask.features]
    own = {feature.id: own_entries(source, feature) for feature in features}
    return PendingDecision(
        name=line(named.name, 80),
        feature=line(ask.feature, 60),
        title="have landed unproved",
        kind="unproved",
        question=Question(
            by="the loop", text=line(ask.says.partition(": ")[2], 500), says=line(ask.says)
        ),
        answers=Answers(
            command=line(named.command, MOST_COMMAND),
            other=line(ask.other(source.program), MOST_COMMAND),
            otherwise="or refuse some of them first, and approve the rest",
        ),
        holds_up=_behind(source, {*ask.features}),
        work=WorkSoFar(
            sessions=sum(map(len, own.values())), usd=_cost(chain.from_iterable(own.values()))
        ),
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


def own_entries(source: Source, feature: Feature) -> list[Entry]:
    """Return the sessions on a feature as it stands now."""
    return [
        one
        for one in source.items
        if isinstance(one, Entry) and is_of(one, feature.id, feature.digest)
    ]


def _behind(source: Source, names: Collection[str]) -> tuple[str, ...]:
    """Return the features that wait behind these, and are none of them."""
    return tuple(
        line(f.id, 60)
        for f, _ in source.survey.left
        if f.id not in names and not {*f.depends}.isdisjoint(names)
    )


def reaching(
    items: Sequence[Item], picked: Sequence[RunRecord], asked: Collection[str]
) -> Sequence[RunRecord]:
    """Return these runs, and before them the first one in which work landed unproved that a person
    is asked about."""
    known = nights(items) if asked else ()
    first = next(
        (n for n in known if any(e.word == "unproved" and e.feature in asked for e in n.entries)),
        None,
    )
    older = first is not None and picked and first not in picked and first.run != picked[0].run
    return [first, *picked] if first is not None and older else picked


def _refused(own: Sequence[Entry], said: str) -> str:
    """Return why no session works on it any more, with the last refusal in words."""
    told = [one.details[0] for one in own if one.word == "rejected" and not is_folded(one)]
    return f"{said}: {told[-1]}" if told else said


def decided(source: Source) -> Iterator[Decided]:
    """Yield what the person decided since the last run ended, and what waits for the next one."""
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
    """Return the question of the last session that asked one, whole."""
    return next(
        (
            question_of(one.details)
            for one in reversed(own)
            if one.word == "blocked" and one.details
        ),
        "",
    )


def slipped_features(source: Source) -> Iterator[PendingDecision]:
    """Yield the features that passed, slipped back and are work again: nothing waits, and a person
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
        # what landed again since, or what the person has already decided, asks for nothing
        if entry is None or not is_slip(entry) or settled:
            continue
        yield PendingDecision(
            name=line(feature.id, 60),
            feature=line(feature.id, 60),
            title=line(feature.title, TITLE),
            kind="slipped",
            question=Question(
                by="the loop",
                text=line(entry.title, 500),
                says=line(f"{feature.title} {entry.title}"),
            ),
            answers=Answers(
                command=line(f"{source.program} hold {feature.id}"),
                other="",
                otherwise=(
                    "or leave it as it is: the next session on it repairs what broke, or"
                    " `git revert` the commit that did"
                ),
            ),
            holds_up=(),
            work=WorkSoFar(),
        )
