"""What stands now: what passes, what can run, what waits, and what the person is asked, each
with the command that answers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from nightlatch.errors import UsageError
from nightlatch.model.models import Feature, Plan
from nightlatch.project.config.settings import Limits
from nightlatch.record.history import GREEN_ALREADY, FeatureHistory, History
from nightlatch.record.progress import Ask, decisions
from nightlatch.scheduler.policy import RunLimits, Waiting, feature_limits, standing
from nightlatch.util.text import plain

NO_PROOF = "nothing proves it"
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStatus:
    """The features that do not pass, in the order of work, and what each waits for (None: it
    can run).

    `asks` are the decisions in the order of work. `numbers` are those that the end of the last run
    gave to features; none where a number could also be a feature's id. `decided` are decisions, by
    feature, that wait for the run.
    """

    plan: Plan
    left: tuple[tuple[Feature, Waiting | None], ...]
    asks: tuple[Ask, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def anew(self) -> "PlanStatus":
        """The same with the decisions numbered from 1."""
        # `approve 3` must not mean two things
        able = not any(feature.id.isdecimal() for feature in self.plan.features)
        return replace(
            self,
            numbers=(
                {ask.feature: number for number, ask in enumerate(self.asks, 1) if not ask.others}
                if able
                else {}
            ),
        )

    @property
    def asked(self) -> frozenset[str]:
        """The features that some decision is about."""
        return frozenset(name for ask in self.asks for name in ask.features)

    @property
    def together(self) -> frozenset[str]:
        """Those of a decision about several."""
        return frozenset(name for ask in self.asks if ask.others for name in ask.features)

    @property
    def passing(self) -> int:
        return sum(feature.done for feature in self.plan.features)

    def count(self, *words: str) -> int:
        """Return how many wait for one of these words; without words, how many can run."""
        return sum(
            (waiting.word if waiting else "") in (words or ("",)) for _, waiting in self.left
        )

    @property
    def waiting(self) -> int:
        """How many wait for the person."""
        return sum(
            waiting is not None and waiting.for_person and feature.id not in self.decided
            for feature, waiting in self.left
        )

    def decisions(self, program: str) -> Iterator[tuple[str, Ask, str]]:
        """Return each decision under the name that it is called by, with the command that answers
        it."""
        return decisions(self.asks, program, self.numbers)

    def find(self, name: str) -> Feature:
        """Return the feature of this id, or of this number in the last run's end; UsageError with
        the nearest id where there is none."""
        known = {str(number): feature for feature, number in self.numbers.items()}
        found = self.plan.feature(name) or self.plan.feature(known.get(name, ""))
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [feature.id for feature in self.plan.features], n=1)
            hint = (
                f"did you mean {plain(near[0])}?" if near else "take an id from: nightlatch status"
            )
            raise UsageError(f"feature {plain(name)} not found", place=self.plan.path, fix=hint)
        return found


def survey(
    plan: Plan, history: History, limits: Limits, decided: Mapping[str, str] = NOTHING
) -> PlanStatus:
    """Return what stands; features that are `decided` (their verbs) are asked no more, though no
    run has carried it out yet."""
    left = tuple(standing(plan, history, RunLimits(feature=feature_limits(limits))))
    open_ = [
        (feature, waiting) for feature, waiting in left if waiting and feature.id not in decided
    ]
    asks = [
        ask for feature, waiting in open_ if (ask := ask_of(feature, waiting, history.of(feature)))
    ]
    numbers = {
        feature: int(number) for number, feature in history.numbers.items() if plan.feature(feature)
    }
    unproved = {f.id: history.of(f).question for f, waiting in open_ if waiting.word == "unproved"}
    return PlanStatus(
        plan=plan, left=left, asks=tuple(folded(asks, unproved)), numbers=numbers, decided=decided
    )


def folded(asks: Sequence[Ask], unproved: Mapping[str, str]) -> Iterator[Ask]:
    """Yield the decisions, with all work that landed unproved as one: a person who reads it decides
    about it at one go.

    `unproved` says of each such feature what is missing. Any of them can still be refused alone.
    """
    waiting = [ask.feature for ask in asks if ask.feature in unproved]
    if len(waiting) < 2:
        yield from asks
        return
    shown = False
    for ask in asks:
        if ask.feature not in unproved:
            yield ask
        elif not shown:
            shown = True
            kinds = missing_of(unproved[name] for name in waiting)
            says = f"have landed unproved{f': {kinds}' if kinds else ''}"
            yield replace(
                ask, says=says, others=tuple(name for name in waiting if name != ask.feature)
            )


def missing_of(questions: Iterable[str]) -> str:
    """Return what proofs are missing, each kind once with how often; the most frequent first.

    "" where nothing but a proof is missing.
    """
    kinds = Counter(question.partition(": ")[0] or NO_PROOF for question in questions)
    return (
        ", ".join(f"{what} ({count})" for what, count in kinds.most_common())
        if {*kinds} != {NO_PROOF}
        else ""
    )


def ask_of(feature: Feature, waiting: Waiting, past: FeatureHistory) -> Ask | None:
    """Return what a waiting feature asks of the person, None where the plan itself holds it or
    nobody can do anything."""
    if feature.hold or (feature.too_long and not past.waiting) or not waiting.for_person:
        return None
    green = any(entry.rule == GREEN_ALREADY for entry in past.tried[:1])
    held = "approve" if past.held else "done" if green else "retry"
    verb = {"blocked": "answer", "held": held, "unproved": "approve", "worn out": "retry"}[
        waiting.word
    ]
    return Ask(
        feature=feature.id,
        says=f"{feature.title} {waiting.says}",
        verb=verb,
        rest='"..."' if verb == "answer" else "",
    )
