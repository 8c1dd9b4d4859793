"""What will prove each feature, and what that costs, as far as can be told before the night."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from nightlatch.model.models import Feature
from nightlatch.project.config.settings import Limits
from nightlatch.suite.results import CheckStatus, VerifyResult, last_lines
from nightlatch.suite.verify_commands import why_red
from nightlatch.util.text import plain
from nightlatch.util.units import show_duration

OFFER = "nightlatch plan --prove"
VACUOUS = frozenset({"", "true", ":", "exit", "exit 0", "/bin/true"})
DOLLARS = {"budget": "a run", "budget_day": "a day", "budget_hour": "an hour"}
ONE = "only one feature: running an agent by hand is quicker; nightlatch is overhead here"
NOTHING = (
    "no command and no test proves anything here yet, so features may wait for you; nightlatch is"
    " little more than a queue here"
)
BARE = (
    "there are no tests and no checks, so nothing that works today is protected: give it some, or"
    " nightlatch is little more than a queue"
)


class Level(StrEnum):
    """Whether something is fine, worth knowing, or would stop the night."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing that was looked at: what about it, and what to do where it is not fine.

    Of a feature also its proof ("verify", "proof test", "person"), and the fewest and most suite
    runs that landing it takes when all goes well.
    """

    level: Level
    topic: str
    says: str
    fix: str = ""
    proof: str = ""
    suite_runs: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSources:
    """What the project has to prove things with: tests that run by id, checks, and who judges
    ("" for nobody)."""

    tests: bool
    checks: bool = True
    judge: str = ""


def forecast(
    feature: Feature,
    said: VerifyResult | None,
    outlook: ProofSources,
    *,
    unwritten: str = "",
    wants: str = "",
    weak: str = "",
    through: str = "",
) -> Diagnostic:
    """`said` is what its verify answers at the base, None without one; `unwritten` a test file
    that it runs and that is not there yet.

    `wants` is what its run lacks, `weak` why it could hardly refuse anything, `through` the files
    that judge it and are not to change.
    """
    level, says, fix, proof = _level_of(feature, said, outlook, unwritten)
    if level is not Level.FAIL and wants:
        # It is red for the wrong reason: no work of an agent's would turn it green.
        says = f"its verify is red because {wants} is missing"
        proof = ""
        level = Level.FAIL
        fix = (
            "install it in init.sh, or name the environment that has it under share in [workspace]"
            " of loop.toml"
        )
    elif level is Level.OK and weak:
        level, says = Level.WARN, f"its verify {weak}, so it can reject almost nothing"
        fix = f"give {plain(feature.id)} a verify command that runs what the feature is to do"
    elif level is Level.OK and through:
        says = f"{says}; {through} must stay unchanged, or be named in its supersedes"
    runs = _suite_runs(level, proof, outlook)
    cost = f"; {_runs(runs)}" if level is Level.OK and runs[1] else ""
    return Diagnostic(
        level=level,
        topic=plain(feature.id, 60),
        says=f"{says}{cost}",
        fix=fix,
        proof=proof,
        suite_runs=runs,
    )


def _suite_runs(level: Level, proof: str, outlook: ProofSources) -> tuple[int, int]:
    """Return the fewest and the most runs of the suite that landing a feature takes."""
    if not outlook.tests or level is Level.FAIL:
        return 0, 0
    # A new test is run on the old code too: it has to fail there.
    return (2, 2) if proof == "proof test" else (1, 2)


def _level_of(
    feature: Feature, said: VerifyResult | None, outlook: ProofSources, unwritten: str
) -> tuple[Level, str, str, str]:
    """Return level, sentence, what to do and what will be the proof."""
    failing = f"give {plain(feature.id)} a verify command that fails today"
    if feature.verify and all(command.strip() in VACUOUS for command in feature.verify):
        return (
            Level.WARN,
            f"its verify ({feature.verify[0]}) proves nothing: it is always green",
            failing,
            "person",
        )
    judged = f", if {outlook.judge} finds the criteria met" if outlook.judge else ""
    test = f"a new test that fails on today's code will prove it{judged}"
    if said is not None:
        return _level_of_answer(feature, said, failing, test if outlook.tests else "", unwritten)
    if outlook.tests:
        return Level.OK, f"no verify: {test}, else it waits for you", "", "proof test"
    brings = f"one that its agent brings can prove it{judged}"
    return (
        Level.WARN,
        f"no verify, and no tests here yet: {brings}, else it waits for you",
        failing,
        "proof test",
    )


def _level_of_answer(
    feature: Feature, said: VerifyResult, failing: str, test: str, unwritten: str
) -> tuple[Level, str, str, str]:
    """Return the same by what a verify answers at the base; `test` says how a new test would prove
    it, "" where tests are not run by id."""
    match said.answer:
        case CheckStatus.GREEN:
            return (
                Level.WARN,
                "its verify is green already",
                f"nightlatch done {plain(feature.id)}, or {failing}",
                "person",
            )
        case CheckStatus.RED if unwritten and test:
            return (
                Level.OK,
                f"its verify runs {unwritten}, which its agent has yet to write: {test}",
                "",
                "proof test",
            )
        case CheckStatus.RED:
            why = why_red(said.tail)
            return (
                Level.OK,
                f"its verify is red now{f' ({why})' if why else ''}; green will prove it",
                "",
                "verify",
            )
        case _:
            tail = " / ".join([line for line in last_lines(said.tail) if line][-2:])
            fix = "install what it needs in init.sh, or correct the command"
            return Level.FAIL, f"its verify cannot be run: {plain(tail, 200)}", fix, ""


def unproven(left: Sequence[Feature]) -> tuple[str, str]:
    """Return what is said of features without a verify, and the command that has an agent propose
    some; ("", "") where each has one."""
    lacking = [plain(feature.id, 60) for feature in left if not feature.verify]
    if not lacking:
        return "", ""
    named = f"{', '.join(lacking[:3])}{f' and {len(lacking) - 3} more' if lacking[3:] else ''}"
    have = "have" if lacking[1:] else "has"
    return (
        (
            f"{named} {have} no verify command: an agent can propose one for each, which you read"
            " before it is written"
        ),
        OFFER,
    )


def dollars(limits: Limits) -> dict[str, str]:
    """Return the budgets in dollars that are set: by the setting's name, how much, and for how
    long."""
    return {
        f"limits.{name}": f"${most:.2f} {span}"
        for name, span in DOLLARS.items()
        if (most := getattr(limits, name))
    }


def bill(findings: Sequence[Diagnostic], seconds: float = 0.0) -> str:
    """Return what all of them cost when each lands at its first session, and a run of the tests
    takes so long."""
    runs = (
        sum(finding.suite_runs[0] for finding in findings),
        sum(finding.suite_runs[1] for finding in findings),
    )
    if not runs[1]:
        return ""
    whole = "1 feature, if it" if len(findings) == 1 else f"{len(findings)} features, if each"
    took = seconds * runs[1]
    long = (
        f": about {show_duration(round(took / 60) * 60)} beside what the agents take"
        if took >= 60
        else ""
    )
    return f"{_runs(runs)} of the branch's tests for {whole} lands at its first session{long}"


def hurried(seconds: float, session: float) -> Diagnostic | None:
    """Has an agent too little time to run tests that take so long a few times? Both in seconds."""
    if seconds * 4 <= session:
        return None
    long = show_duration(ceil(seconds * 6 / 900) * 900)
    says = (
        f"the tests take {show_duration(round(seconds))}, and one agent has"
        f" {show_duration(session)} for all of its work"
    )
    return Diagnostic(
        level=Level.WARN,
        topic="limits",
        says=says,
        fix=f'session = "{long}" under [limits] in loop.toml',
    )


def _runs(runs: tuple[int, int]) -> str:
    least, most = runs
    return f"{least} suite runs" if least == most else f"{least} to {most} suite runs"


def overhead(left: Sequence[Feature], findings: Sequence[Diagnostic], outlook: ProofSources) -> str:
    """Return when nightlatch is more trouble than help, "" when it is not."""
    if len(left) == 1:
        return ONE
    if left and not any(finding.level is Level.OK for finding in findings):
        return NOTHING
    return BARE if left and not outlook.tests and not outlook.checks else ""
