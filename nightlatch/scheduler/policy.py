"""What to do next: one question, one answer, with the sentence that a person reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import TypeAlias

from nightlatch.model.budget import Budget
from nightlatch.model.models import Feature, Outcome, Plan
from nightlatch.plan.interpretations import few
from nightlatch.project.config.settings import Limits
from nightlatch.record.history import FeatureHistory, History
from nightlatch.util.text import plain

ALL_DONE = "every feature passes"
REST_SKIPPED = "every feature that is not skipped passes"
PASSES = "passes"
ALL_SKIPPED = "every feature is skipped: there is nothing to work on"
NOTHING_PLANNED = "the plan has no features: add one to it"
PAUSED = "paused: no new session starts; go on: nightlatch resume"
STAYS = "waiting for answers, approvals or new features"
FOREVER = datetime.max.replace(tzinfo=UTC)
NO_PROGRESS = 12  # sessions in a row of which nothing came: more features would not help
SAME_REFUSAL = 3  # in a row: fewer may be chance
_NAMED = 5
_WAITS = {Outcome.HELD: "is held", Outcome.BLOCKED: "asks", Outcome.UNPROVED: "has landed unproved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The run ends with this exit code; `waits` are the features that a person decides about.

    `idle`: only a person can give it work.
    """

    code: int
    why: str
    waits: tuple[str, ...] = ()
    idle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """No agent may work before this moment, or before a person changes something; `waits` as in
    Stop."""

    until: datetime
    why: str
    waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The feature that is next, the rule that chose it, and whether its carried work is left
    aside."""

    feature: Feature
    rule: str
    fresh: bool = False


Decision: TypeAlias = Choice | Wait | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLimits:
    """How much one feature may use before it is left to the person; 0: no limit.

    `faults` is how often in a row the same thing may go wrong, in a feature or in the run.
    """

    attempts: int = 3
    continues: int = 6
    faults: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBudget:
    """What this run may use (0 or None: no limit) and has used: `used` of `sessions`, or only
    `once`; `purses` pay for them."""

    sessions: int = 0
    used: int = 0
    once: bool = False
    purses: tuple[Budget, ...] = ()
    until: datetime | None = None
    wall: datetime | None = None

    @property
    def ends(self) -> datetime | None:
        """The moment at which the run ends, whatever else happens."""
        return min((moment for moment in (self.until, self.wall) if moment), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTroubles:
    """What went wrong: `stop` is asked for at once, such as by a login; `faults` are the rules of
    the sessions that failed in a row up to now, `barren` is how many came to nothing in a row, and
    `limited_until` is when the first agent may work again."""

    stop: Stop | None = None
    faults: tuple[str, ...] = ()
    barren: int = 0
    limited_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWishes:
    """What the person wants of the run: `only` one feature; its `stop`; `paused`: no new session;
    `stay`: with nothing left to run, it waits for what a person does."""

    only: str = ""
    stop: Stop | None = None
    paused: bool = False
    stay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What a decision goes by, apart from the plan and the record."""

    feature: FeatureLimits = field(default_factory=FeatureLimits)
    budget: RunBudget = field(default_factory=RunBudget)
    troubles: RunTroubles = field(default_factory=RunTroubles)
    wishes: RunWishes = field(default_factory=RunWishes)


def feature_limits(limits: Limits) -> FeatureLimits:
    """Return what the settings allow each feature."""
    return FeatureLimits(attempts=limits.attempts, continues=limits.continues, faults=limits.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a feature cannot run now: skipped, behind another feature, or waiting for a person."""

    feature: str
    word: str
    says: str

    @property
    def for_person(self) -> bool:
        return self.word not in ("skipped", "behind")


def decide(plan: Plan, history: History, limits: RunLimits, now: datetime) -> Decision:
    """Return the next feature, the moment to wait for, or the reason to stop."""
    answer = _next(plan, history, limits, now)
    is_over = limits.budget.ends is not None and limits.budget.ends <= now
    if isinstance(answer, Stop):
        if answer.idle and limits.wishes.stay and not is_over:
            why = f"{answer.why}; {STAYS}"
            return Wait(until=limits.budget.ends or FOREVER, why=why, waits=answer.waits)
        return answer
    return Wait(until=limits.budget.ends or FOREVER, why=PAUSED) if limits.wishes.paused else answer


def _next(plan: Plan, history: History, limits: RunLimits, now: datetime) -> Decision:
    """Dependencies first, then priority, then file order."""
    if stop := _ended(plan, history, limits, now):
        return stop
    waits: list[Waiting] = []
    for feature, waiting in standing(plan, history, limits):
        if waiting is None:
            rule = _rule(feature, plan, limits, waits)
            return _held_up(limits, now) or Choice(
                feature=feature, rule=rule, fresh=history.of(feature).fresh
            )
        waits.append(waiting)
    return _stuck(waits)


def standing(
    plan: Plan, history: History, limits: RunLimits
) -> Iterator[tuple[Feature, Waiting | None]]:
    """Yield every feature that does not pass, in the order of work, with what it waits for; None:
    it can run."""
    known = {feature.id: feature for feature in plan.features}
    left = [f for f in plan.features if not f.done and limits.wishes.only in ("", f.id)]
    for feature in sorted(left, key=lambda f: (f.priority is None, f.priority or 0.0)):
        word, says = _wait_of(feature, known, history, limits)
        yield feature, Waiting(feature=feature.id, word=word, says=says) if word else None


def _ended(plan: Plan, history: History, limits: RunLimits, now: datetime) -> Stop | None:
    """Return the first stop that does not depend on which feature would be next."""
    # in this order: a plan that is done is no fault, and a fault says more than a budget
    stops = chain(
        _asked_to_stop(limits),
        _nothing_to_do(plan, history, limits.wishes.only),
        _broken(limits),
        _used_up(limits.budget, now),
    )
    return next(stops, None)


def _asked_to_stop(limits: RunLimits) -> Iterator[Stop]:
    if limits.wishes.stop:
        yield limits.wishes.stop


def _nothing_to_do(plan: Plan, history: History, only: str) -> Iterator[Stop]:
    """Yield the stops of a plan in which nothing fails; where one feature is asked for, in it."""
    failing = [feature for feature in plan.features if not feature.done]
    if not plan.features:
        yield Stop(code=3, why=NOTHING_PLANNED, idle=True)
    elif not failing:
        yield Stop(code=0, why=ALL_DONE, idle=True)
    elif all(_skipped(feature, history) for feature in failing):
        if len(failing) == len(plan.features):
            yield Stop(code=3, why=ALL_SKIPPED, idle=True)
        yield Stop(code=0, why=REST_SKIPPED, idle=True)
    if only:
        feature = plan.feature(only)
        if feature is None:
            yield Stop(code=3, why=f"{plain(only)} is no longer in the plan")
        elif feature.done:
            yield Stop(code=0, why=f"{plain(only)} {PASSES}")


def _broken(limits: RunLimits) -> Iterator[Stop]:
    """Yield the stops that only a person can mend."""
    if limits.troubles.stop:
        yield limits.troubles.stop
    same = limits.troubles.faults[-limits.feature.faults :] if limits.feature.faults else ()
    if same and same == same[:1] * limits.feature.faults:
        yield Stop(code=4, why=_again(same))
    if limits.troubles.barren >= NO_PROGRESS:
        why = f"no progress: nothing came of {limits.troubles.barren} sessions in a row"
        yield Stop(code=4, why=why)


def _used_up(budget: RunBudget, now: datetime) -> Iterator[Stop]:
    """Yield the stops of a run that has had what it was given."""
    if budget.once and budget.used > 0:
        yield Stop(code=0, why="one session has run, as asked")
    if 0 < budget.sessions <= budget.used:
        yield Stop(code=0, why=f"all {budget.sessions} sessions of this run are used")
    # an empty budget that fills again by itself is waited for
    empty = [purse.empty for purse in budget.purses if purse.empty and purse.free_at is None]
    yield from (Stop(code=0, why=why) for why in empty[:1])
    if budget.until and budget.until <= now:
        yield Stop(code=0, why=f"it is {_clock(budget.until)}, the end of this run")
    if budget.wall and budget.wall <= now:
        why = f"it is {_clock(budget.wall)}, and this run has lasted for limits.wall"
        yield Stop(code=0, why=why)


def _again(same: tuple[str, ...]) -> str:
    return (
        f"the same fault {len(same)} times in a row: {same[0]}"
        if same[1:]
        else f"a fault: {', '.join(same)}"
    )


def _held_up(limits: RunLimits, now: datetime) -> Wait | Stop | None:
    """Return the wait for the first reset where every agent has met a usage limit, or an hour is
    paid for; the stop where that reset lies beyond the run."""
    limited, ends = limits.troubles.limited_until, limits.budget.ends
    pauses = [
        (purse.free_at, f"{purse.empty}; resuming at", 0)
        for purse in limits.budget.purses
        if purse.empty and purse.free_at
    ]
    pauses += [(limited, "every agent is limited until", 75)] if limited and limited > now else []
    if not pauses:
        return None
    until, says, code = max(pauses)
    if ends and ends <= until:
        return Stop(
            code=code, why=f"{says} {_clock(until)}, past the end of this run at {_clock(ends)}"
        )
    return Wait(until=until, why=f"{says} {_clock(until)}")


def _wait_of(
    feature: Feature, known: Mapping[str, Feature], history: History, limits: RunLimits
) -> tuple[str, str]:
    """Return a word and a sentence on what keeps a feature from running, ("", "") when nothing
    does."""
    past = history.of(feature)
    if feature.skip or past.skipped:
        return "skipped", "is skipped"
    if feature.hold:
        return "held", "is on hold in the plan"
    answered = feature.answer not in ("", *past.answers)
    if past.waiting and not (past.waiting is Outcome.BLOCKED and answered):
        return (
            past.waiting.value,
            f"{_WAITS[past.waiting]}: {plain(past.question, 120)}".removesuffix(": "),
        )
    if feature.too_long:
        return (
            "held",
            "is too long for a brief: split it, or move its detail to a file that it names",
        )
    if why := _given_up(past, limits.feature):
        return "worn out", why
    behind = [name for name in feature.depends if not _satisfied(known[name], history)]
    return ("behind", f"waits for {few(behind)}") if behind else ("", "")


def _given_up(past: FeatureHistory, limits: FeatureLimits) -> str:
    """Return why no session works on a feature any more, "" where one may."""
    if limits.faults and max(limits.faults, SAME_REFUSAL) <= past.same:
        return f"was rejected {past.same} times in a row by the same rule, {past.tried[0].rule}"
    if 0 < limits.attempts <= past.attempts:
        return f"was given up after {past.attempts} attempts"
    if 0 < limits.continues <= past.continues:
        return f"was given up after {past.continues} sessions that only carried its work on"
    return ""


def _satisfied(needed: Feature, history: History) -> bool:
    """Return whether a dependency is met: when it passes, or when its work has landed and only its
    proof waits for a person."""
    return needed.done or history.of(needed).waiting is Outcome.UNPROVED


def _skipped(feature: Feature, history: History) -> bool:
    return feature.skip or history.of(feature).skipped


def _stuck(waits: list[Waiting]) -> Stop:
    people = [w for w in waits if w.for_person]
    shown = people or [w for w in waits if w.word == "behind"] or waits
    told = [*_waits_for(shown)]
    more = f"; {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    says = "; ".join(told[:_NAMED])
    return Stop(
        code=3,
        why=f"nothing left to run: {says}{more}",
        waits=tuple(w.feature for w in people),
        idle=True,
    )


def _waits_for(waits: Sequence[Waiting]) -> Iterator[str]:
    """Yield what each waits for, in their order; all that landed unproved is one thing, for a
    person decides about it at one go."""
    unproved = [w for w in waits if w.word == Outcome.UNPROVED]
    for wait in waits:
        if len(unproved) < 2 or wait not in unproved:
            yield f"{plain(wait.feature, 60)} {wait.says}"
        elif wait is unproved[0]:
            yield f"{plain(wait.feature, 60)} and {len(unproved) - 1} more have landed unproved"


def _rule(feature: Feature, plan: Plan, limits: RunLimits, waits: list[Waiting]) -> str:
    if limits.wishes.only:
        return "asked for by name"
    left = sum(not f.done for f in plan.features)
    order = "in file order" if feature.priority is None else "by priority"
    over = [f"{w.feature} ({w.word})" for w in waits if w.word != "skipped"]
    return f"first {order} of {left} left" + (f", passing over {few(over)}" if over else "")


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}".strip() if moment else ""
