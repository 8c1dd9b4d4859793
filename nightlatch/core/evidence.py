"""What is known about a candidate so far, and what each test id came to; None is what was not
looked at."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nightlatch.core.approvals import Approved
from nightlatch.core.judge import Judged, NotMet
from nightlatch.core.models import Feature, Reason, Usage
from nightlatch.core.results import Answer, Check, Result, Results, State, file_of
from nightlatch.core.testfiles import supersedes

LAST_LINES = 20
CASE = re.compile(r"(.*?::(?:\w+::)*\w+)[\[/]")


class Step(StrEnum):
    """One thing that can be found out about a candidate."""

    BEFORE = "verify at the base"
    OWN = "the candidate's tests on its code"
    CHECKS = "the base's checks on the candidate"
    OLD = "the base's tests on the candidate's code"
    NOW = "verify on the candidate"
    THROUGH = "verify on the candidate, run through what the base has for it"
    OWNED = "verify on the candidate with the base's tests"
    KEPT = "the verify of other features that pass"
    PROOF = "the candidate's new tests on the base's code"
    INTEGRITY = "tests that must fail, on the candidate's code"
    WEAKER = "changed code, by the base's tests and the candidate's"
    UNWATCHED = "what decides, where nothing of the loop can be known"
    STRENGTH = "small faults in what was added, by what proves it"
    HELD = "held-back checks"
    JUDGE = "the judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a verify command answered, the end of what it printed, and how long it took, in seconds.

    `read` are the files of the repository that it read, None where that is not known. `carried`: it
    said so on an earlier tree, and no change since could reach it.
    """

    answer: Answer
    tail: str = ""
    read: frozenset[str] | None = None
    seconds: float = 0.0
    carried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What came out green, or not at all, though it had to fail: canaries, and ids whose
    expected values were changed.

    `left` names what was not run for want of time, `blind` why canaries cannot be told apart at the
    base already.
    """

    canaries: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    blind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The base's tests beside the candidate's on the same mutants of the code.

    `killed` mutants died under the base's tests; `survivors` of those live on under the
    candidate's; `left` names what was not tried for want of time.
    """

    killed: int = 0
    survivors: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def no_weaker(self) -> bool:
        """Was something measured, all of it, and nothing lost?"""
        return bool(self.killed) and not (self.survivors or self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Which faults were put into what the feature added, and whether what proves it noticed
    one; `hollow`: not even that all of it does nothing. `left`: there was no time for more.
    `known_only` are the lines of tests whose inputs are the only ones that give anything.
    """

    tried: tuple[str, ...] = ()
    noticed: bool = False
    hollow: bool = False
    left: bool = False
    known_only: tuple[str, ...] = ()

    @property
    def weak(self) -> bool:
        """Is it known that nothing would be missed?"""
        return bool(self.tried) and not (self.noticed or self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwatched:
    """What passes `only` where the loop can be seen, each with what it needs, and of what that
    is not certain."""

    only: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    """The base's checks on the candidate with the base's configuration of their tools, and
    which `tools` they start.

    `says` is how the configuration differs.
    """

    checks: tuple[Check, ...] = ()
    tools: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The verify of other features that pass, on the candidate: how many held, which broke and
    which came out both ways, each with the end of what it printed, and which were left for
    later for want of time."""

    held: int = 0
    broken: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about one candidate so far; None is what was not looked at.

    `static` is what was seen without running anything. `tests_changed`: a test or configuration
    file differs from the base. `proof_changed`: a file that verify may rest on does. `bent` says
    how that differs which its verify runs through. `wants` are the steps beyond tests, checks and
    verify that this candidate calls for and that can be taken. `moved` says of lost ids where they
    went, `intact` are those that say the same there, `whole_moves` says of a file that came where
    the very same one was before, `goldens` how files of expected output differ, `forgotten` of ids
    of the base what they do not ask any more. `flaky` ids came out both ways on base and candidate,
    `unsteady` ones on the candidate alone; `chances` says of flaky ones how often each failed, and
    of how many runs. `carried` are the ids that passed in the work that the session started from.
    `always`: the judge is asked even where a verify proves the feature; `met_before` is the most
    criteria that it found met so far, `usage` what it cost now. `in_run`: an agent did it, and
    another session can follow. `enough`: a verify of the base proves the feature however little it
    notices. `off` names the layers that a test leaves out, `approved` what a person has answered
    already.
    """

    feature: Feature
    base: State
    scope: tuple[Reason, ...] = ()
    static: tuple[Reason, ...] = ()
    empty: bool = False
    finished: bool = True
    in_run: bool = False
    seen_red: bool = False
    tests_changed: bool = False
    proof_changed: bool = False
    wants: frozenset[Step] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
    forgotten: Mapping[str, str] = field(default_factory=dict)
    intact: frozenset[str] = frozenset()
    whole_moves: Mapping[str, str] = field(default_factory=dict)
    goldens: tuple[str, ...] = ()
    own: Results | None = None
    checks: tuple[Check, ...] | None = None
    strict: Strict | None = None
    old: Results | None = None
    flaky: frozenset[str] = frozenset()
    unsteady: frozenset[str] = frozenset()
    chances: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    before: Said | None = None
    now: Said | None = None
    bent: tuple[str, ...] = ()
    through: Said | None = None
    kept: Kept | None = None
    strength: Noticed | None = None
    unwatched: Unwatched | None = None
    enough: bool = False
    owned: Said | None = None
    proof: frozenset[str] | None = None
    integrity: Integrity | None = None
    weaker: Compared | None = None
    held_back: tuple[Reason, ...] | None = None
    judged: Judged | None = None
    always: bool = False
    met_before: int = 0
    usage: Usage = field(default_factory=Usage)
    carried: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    approved: Approved = field(default_factory=dict)


def new_passing(e: Evidence) -> frozenset[str]:
    """Ids that pass and that the base does not have."""
    return e.own.passed - frozenset(e.base.tests.ids) if e.own else frozenset()


def progress(e: Evidence) -> bool:
    """Do more ids pass than when the session started, of those that fail at the base and new
    ones that fail on the base's code?

    Or are more criteria met than ever before?
    """
    if e.own is None or e.own.broken or e.own.answer is Answer.FAULT:
        return False
    if isinstance(e.judged, NotMet) and e.judged.met > e.met_before:
        return True
    counted = e.base.tests.failing | (e.proof or frozenset())
    known = e.base.tests.uncollected
    won = {i for i in e.own.passed - e.base.tests.passed if i in counted or file_of(i) in known}
    return len(won) > len(won & e.carried)


def slipped(e: Evidence, results: Results | None) -> Mapping[str, str]:
    """The ids that passed at the base and do not pass in these results, with the rule that each
    breaks; superseded ones aside."""
    if results is None or results.broken or not (results.by_id and e.base.tests.by_id):
        return {}
    lost = lost_ids(e.base.tests.ids, results.ids, results.uncollected)
    return {i: rule for i, rule in lost.items() if not supersedes(e.feature.supersedes, i)}


def lost_ids(
    before: Mapping[str, Result], after: Mapping[str, Result], uncollected: Iterable[str] = ()
) -> dict[str, str]:
    """What became of the ids that passed before and do not pass after, by rule."""
    unreadable = frozenset(uncollected)
    lost = {}
    for name in (
        i
        for i, result in before.items()
        if result is Result.PASSED and after.get(i) is not Result.PASSED
    ):
        match after.get(name, after.get(file_of(name))):
            case None:
                lost[name] = (
                    "ratchet.test-failed" if file_of(name) in unreadable else "ratchet.test-removed"
                )
            case Result.SKIPPED:
                lost[name] = "ratchet.test-skipped"
            case _:
                lost[name] = "ratchet.test-failed"
    return lost


def newly_failing(e: Evidence, results: Results) -> frozenset[str]:
    """What fails and was not known at the base, by id or by a file that could not be loaded there.

    A file that moves as it is takes its known failures along.
    """
    known, files = e.base.tests, frozenset(e.base.tests.uncollected)
    fresh = results.failing - known.failing - known.passed
    before = {
        name: e.whole_moves.get(file_of(name), file_of(name)) + name.removeprefix(file_of(name))
        for name in fresh
    }
    return frozenset(
        name
        for name, old in before.items()
        if old not in known.failing and file_of(old) not in files
    )


def suspects(e: Evidence, results: Results) -> frozenset[str]:
    """The ids that would be held against the candidate: they run again before any refusal."""
    return frozenset(slipped(e, results)) | (
        newly_failing(e, results) if results is e.own else frozenset()
    )


def by_chance(
    names: Iterable[str],
    base: Sequence[Results],
    candidate: Sequence[Results],
    known: Iterable[str],
) -> tuple[frozenset[str], frozenset[str]]:
    """(flaky on base and candidate, unsteady on the candidate alone) of the ids that were run
    again; `known` are the base's ids.

    An id that the base itself no longer finds has a name that changes from run to run: flaky.
    """
    at_base = frozenset(known)
    wavered = {
        name
        for name in names
        if name in at_base and any(run.ids.get(name) is not Result.PASSED for run in base)
    }
    nameless = {name for name in wavered if all(name not in run.ids for run in (*base, *candidate))}
    recovered = {
        name for name in names if any(run.ids.get(name) is Result.PASSED for run in candidate)
    }
    return frozenset(recovered & wavered | nameless), frozenset(recovered - wavered)


def chances(names: Iterable[str], runs: Sequence[Results]) -> dict[str, tuple[int, int]]:
    """How often each id failed, and of how many runs that had it; what came out one way only,
    such as a name of the moment, is left out."""
    came = {
        name: [run.ids[name] is not Result.PASSED for run in runs if name in run.ids]
        for name in names
    }
    return {
        name: (sum(failed), len(failed))
        for name, failed in came.items()
        if 0 < sum(failed) < len(failed)
    }


def last_lines(text: str) -> tuple[str, ...]:
    """The end of what a command printed."""
    return tuple(text.strip("\n").splitlines()[-LAST_LINES:])


def function_of(name: str) -> str:
    """The id without its parameters: of pytest's `file::test[case]` and Go's
    `package::Test/case` what stands before the case."""
    found = CASE.match(name)
    return found[1] if found else name


def fewer_cases(
    before: Iterable[str], after: Iterable[str], lost: Collection[str]
) -> tuple[list[str], list[str]]:
    """Of the lost ids, those whose whole function is gone, and those of functions with fewer
    cases left than before.

    A case whose name alone changed leaves as many as before, and is in neither.
    """
    if not lost:
        return [], []
    had, has = Counter(map(function_of, before)), Counter(map(function_of, after))
    gone = sorted(name for name in lost if not has[function_of(name)])
    fewer = sorted(name for name in lost if 0 < has[function_of(name)] < had[function_of(name)])
    return gone, fewer
