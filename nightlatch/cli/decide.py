"""The person's decisions, from `answer` to `revert`: recorded at once, carried out by the loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import click
from click.shell_completion import CompletionItem

from nightlatch.errors import BusyError, NightlatchError, UsageError
from nightlatch.journal import inbox_io, read_io
from nightlatch.journal.inbox_io import Decision
from nightlatch.landing.decision_rules import needless, objection, settles
from nightlatch.model.models import Feature
from nightlatch.plan import file
from nightlatch.project.project import Project, find_project, require_plan
from nightlatch.record.history import FeatureHistory, replay
from nightlatch.record.progress import decision
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.text import plain

# Another command that carries decisions out is done in seconds; a run would take the night.
PATIENCE = 20.0
OPPOSITES = [{yes, no} for yes in ("approve", "done") for no in ("refuse", "revert")]
NUMBERS = "FEATURE is an id from the plan, or its number under DECIDE at the end of progress.txt."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One decision on the command line: what it does, an example, whether it takes words ("",
    "[TEXT]" or "TEXT"), and several features."""

    does: str
    example: str
    text: str = ""
    several: bool = False


VERBS = {
    "answer": Verb(
        does=(
            "Answer the question that the agent on FEATURE asked; the next session is told TEXT,"
            " word for word."
        ),
        example='nightlatch answer US-004 "Use reportlab; it is already a dependency."',
        text="TEXT",
    ),
    "approve": Verb(
        does=(
            "Accept FEATURE: held work lands, work that landed unproved passes, and any other"
            " feature counts as done on your word, without proof."
        ),
        example="nightlatch approve US-004 US-005",
        several=True,
    ),
    "refuse": Verb(
        does=(
            "Reject held or unproved work. What landed is taken back by a revert commit; the"
            " next session is told TEXT."
        ),
        example='nightlatch refuse US-004 "The total must include tax."',
        text="[TEXT]",
        several=True,
    ),
    "done": Verb(
        does=("Same as `approve`: FEATURE counts as done on your word, without proof."),
        example="nightlatch done US-004",
    ),
    "retry": Verb(
        does=(
            "Give FEATURE fresh attempts: after it was given up, held or skipped, or when its"
            " question no longer needs an answer."
        ),
        example="nightlatch retry US-004 --fresh",
    ),
    "hold": Verb(
        does="Do not work on FEATURE until `nightlatch retry`.",
        example='nightlatch hold US-004 "waiting for the new API"',
        text="[TEXT]",
    ),
    "skip": Verb(
        does="Same as `hold --for-good`: leave FEATURE out until `nightlatch retry`.",
        example="nightlatch skip US-004",
    ),
    "revert": Verb(
        does=("Undo a landed feature with a revert commit; its done-flag becomes false."),
        example="nightlatch revert US-004",
    ),
}


OPTIONS = {
    "retry": (
        (
            "--fresh",
            "Start without the carried work; it stays available under its session's name.",
        ),
    ),
    "hold": (("--for-good", "Leave it out for good: the run counts as complete without it."),),
}


def command(name: str) -> click.Command:
    """The click command of one verb."""
    # Made from the table, so that help, completion and errors of all verbs are alike.
    verb = VERBS[name]

    def callback(
        feature: str | tuple[str, ...],
        text: str | None = None,
        *,
        fresh: bool = False,
        for_good: bool = False,
        now: bool = False,
    ) -> None:
        names = (feature,) if isinstance(feature, str) else feature
        decide("skip" if for_good else name, names, "--fresh" if fresh else text or "", now=now)

    return click.Command(
        name,
        callback=callback,
        params=parameters(name, verb),
        help=f"{verb.does}\n\n{NUMBERS}",
        epilog=f"Example: {verb.example}",
    )


def parameters(name: str, verb: Verb) -> list[click.Parameter]:
    """Return the arguments and options of one verb."""
    words = f"FEATURE...{f' {verb.text}' if verb.text else ''}" if verb.several else "FEATURE"
    params: list[click.Parameter] = [
        click.Argument(
            ["feature"],
            metavar=words,
            nargs=-1 if verb.several else 1,
            required=True,
            shell_complete=features,
        )
    ]
    if verb.text and not verb.several:
        params.append(click.Argument(["text"], metavar=verb.text, required=verb.text == "TEXT"))
    params += [
        click.Option([option], is_flag=True, help=does) for option, does in OPTIONS.get(name, ())
    ]
    params.append(
        click.Option(
            ["--now"],
            is_flag=True,
            help="Carry it out at once, instead of leaving it to the current or next run.",
        )
    )
    return params


def features(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Return the ids of the plan that a shell may offer, with their titles."""
    try:
        project = find_project(Path.cwd())
        plan = file.read(project.worktree_plan() or b"", project.plan, *project.reading)
    except NightlatchError:
        return []
    known = [
        feature
        for feature in plan.features
        # What is offered is typed into the person's shell: no id with a control character is.
        if feature.id.startswith(incomplete) and feature.id == plain(feature.id)
    ]
    return [CompletionItem(feature.id, help=plain(feature.title, 60)) for feature in known]


def decide(verb: str, words: Sequence[str], text: str, *, now: bool) -> None:
    """Record the decision about each of these features, or say why it makes no sense, and who
    carries it out.

    The last of several words is what the person says where the verb takes words and the plan has no
    feature of that name.
    """
    project = require_plan(find_project(Path.cwd()))
    status = status_io.view(project)
    if takes_text_last(verb, words) and status.plan.feature(words[-1]) is None:
        words, text = words[:-1], words[-1]
    # Named twice is decided once.
    features = [*dict.fromkeys(map(status.survey.find, words))]
    recorded = [
        record(project, status, verb, feature, text, alone=len(features) == 1)
        for feature in features
    ]
    failed = carry_out(project) if now else {}
    for what, name in recorded:
        click.echo(f"{what}{failed.get(name) or progress_of(project, name) if name else ''}")
    if any(name in failed for _, name in recorded):
        raise SystemExit(3)


def takes_text_last(verb: str, words: Sequence[str]) -> bool:
    """May the last of these words be what the person says, and no feature?"""
    takes_text = VERBS[verb].several and bool(VERBS[verb].text)
    return takes_text and len(words) > 1


def record(
    project: Project, status: ProjectStatus, verb: str, feature: Feature, text: str, *, alone: bool
) -> tuple[str, str]:
    """Return what is said about a decision, and its id; "" where nothing is recorded. Raises
    UsageError for one that makes no sense.

    Of several features, those that do not wait for this decision, or no longer, are left alone:
    nobody marks them done by the way.
    """
    changed, waiting = in_the_inbox(project, feature, verb)
    # What was decided and is not carried out yet counts as done, so that nothing is decided twice.
    decided = [decision(known.verb, known.text, feature, known.at) for known in waiting]
    past = replay(decided, status.history).of(feature)
    if verb == "approve" and alone and not settles(feature, past):
        verb = "done"
    problem, fix = objection(verb, feature, past)
    what = f"{plain(feature.id)} {plain(feature.title, 60)}"
    replaced = " and ".join(changed.values())
    if changed and (problem or needless(verb, feature, past, text)):
        inbox_io.forget(changed)
        return (
            (
                f"{what}: {replaced} is taken back before it was carried out; nothing else is to"
                " be done"
            ),
            "",
        )
    if problem:
        return left_alone(project, verb, feature, problem, fix, alone=alone), ""
    if waiting and (waiting[-1].verb, waiting[-1].text) == (verb, text):
        given = waiting[-1]
    elif needless(verb, feature, past, text):
        return f"{what}: already done; nothing to do", ""
    else:
        given = leave(project, verb, feature, text, past)
    inbox_io.forget(changed)
    in_place_of = f", in place of {replaced}," if replaced else ""
    return f"{what}: {verb}{in_place_of} ", given.id


def in_the_inbox(
    project: Project, feature: Feature, verb: str
) -> tuple[dict[Path, str], list[Decision]]:
    """Return the decisions about a feature that this one takes back, by their files, and those that
    wait to be carried out before it."""
    queue = {
        path: known
        for path, known in inbox_io.waiting(project)
        if known.feature == feature.id and known.verb != "note"
    }
    # Nobody has acted on it: another mind counts.
    changed = {path: known.verb for path, known in queue.items() if {known.verb, verb} in OPPOSITES}
    return changed, [known for path, known in queue.items() if path not in changed]


def left_alone(
    project: Project, verb: str, feature: Feature, problem: str, fix: str, *, alone: bool
) -> str:
    """Return why a feature among several is left alone. Raises UsageError where it is the only
    one."""
    if alone:
        raise UsageError(
            f"{plain(feature.id)} {problem}, so there is nothing to {verb}",
            place=project.plan,
            fix=fix,
        )
    return f"{plain(feature.id)} {plain(feature.title, 60)}: {problem}, so it is left alone"


def leave(
    project: Project, verb: str, feature: Feature, text: str, past: FeatureHistory
) -> Decision:
    """Leave a decision in the inbox."""
    from nightlatch.project.discovery import state_folder

    state_folder(project)
    # An answer in the plan is older than this one, and the later one counts.
    if verb == "answer" and feature.answer not in ("", text, *past.answers):
        inbox_io.leave(project, verb, feature.id, feature.answer, datetime.now(UTC))
    return inbox_io.leave(project, verb, feature.id, text, datetime.now(UTC))


def carry_out(project: Project) -> dict[str, str]:
    """Return everything in the inbox, as a run would before its first session; somebody else who
    does just that is waited for, a run is not.

    What could not be done is given, with what to do, by the decision's id.
    """
    from nightlatch.landing import decisions_io, landing
    from nightlatch.loop import setup
    from nightlatch.run.context import Options

    end, failed = monotonic() + PATIENCE, dict[str, str]()
    while any(inbox_io.waiting(project)) and monotonic() < end:
        try:
            with setup.entered(Options()) as context:
                landing.finish_publishing(context)
                landing.commit_plan_edits(context)
                failed |= decisions_io.carry_out(context)
        except BusyError:
            # A run has the lock, and carries everything out before its next session.
            if read_io.last_turn(project).get("event") not in (None, "run.ended"):
                break
            sleep(0.05)
    return failed


def progress_of(project: Project, name: str) -> str:
    """Return where the decision has got to; others may have come meanwhile."""
    if all(known.id != name for _, known in inbox_io.waiting(project)):
        return "is carried out"
    if read_io.holder(project) is not None:
        return "is recorded; the running loop carries it out before its next session"
    return "is recorded; the next run carries it out, or add --now"
