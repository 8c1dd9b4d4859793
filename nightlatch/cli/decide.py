"""The person's decisions, from `answer` to `revert`: recorded at once, carried out by the loop."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import click
from click.shell_completion import CompletionItem

from nightlatch.core import planfile
from nightlatch.core.choices import needless, objection, settles
from nightlatch.core.history import replay
from nightlatch.core.progress import decision
from nightlatch.core.text import plain
from nightlatch.edge import inbox, look
from nightlatch.edge.house import House, find_house, require_plan
from nightlatch.errors import BusyError, NightlatchError, UsageError

PATIENCE = 20.0
NUMBERS = "FEATURE is an id of the plan, or the number that the end of the last run gave it under DECIDE in progress.txt."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One decision on the command line: what it does, an example, and whether it takes words ("", "[TEXT]" or "TEXT")."""

    does: str
    example: str
    text: str = ""


VERBS = {
    "answer": Verb(
        does="Answer the question that the agent on FEATURE asked; the next session is told TEXT, word for word.",
        example='nightlatch answer US-004 "Use reportlab; it is already a dependency."', text="TEXT",
    ),
    "approve": Verb(
        does="Say that FEATURE is right: held work lands, what landed unproved passes, anything else is done by your word, without proof.",
        example="nightlatch approve US-004",
    ),
    "refuse": Verb(
        does="Say that held or unproved work is not right: what landed is taken back by a revert commit; the next session is told TEXT.",
        example='nightlatch refuse US-004 "The total must include tax."', text="[TEXT]",
    ),
    "done": Verb(
        does="Another spelling of `approve`: FEATURE is done, by your own word and without any proof.", example="nightlatch done US-004",
    ),
    "retry": Verb(
        does="Give FEATURE fresh attempts: after it was worn out, held, skipped, or its question has settled itself.",
        example="nightlatch retry US-004 --fresh",
    ),
    "hold": Verb(
        does="Keep FEATURE from being worked on until you say retry.",
        example='nightlatch hold US-004 "waiting for the new API"', text="[TEXT]",
    ),
    "skip": Verb(does="Another spelling of `hold --for-good`: leave FEATURE out until you say retry.", example="nightlatch skip US-004"),
    "revert": Verb(
        does="Take a landed feature off the branch again, by a revert commit; its done-flag becomes false.",
        example="nightlatch revert US-004",
    ),
}  # fmt: skip


def command(name: str) -> click.Command:
    """The click command of one verb."""
    verb = VERBS[name]
    params: list[click.Parameter] = [click.Argument(["feature"], shell_complete=features)]
    if verb.text:
        params.append(click.Argument(["text"], metavar=verb.text, required=verb.text == "TEXT"))
    if name == "retry":
        params.append(click.Option(["--fresh"], is_flag=True, help="Start clean; the work so far stays under its session's name."))
    if name == "hold":
        params.append(click.Option(["--for-good"], is_flag=True, help="Leave it out: the run ends as planned without it."))
    params.append(click.Option(["--now"], is_flag=True, help="Carry it out at once instead of leaving it to the running or the next loop."))

    def callback(feature: str, text: str | None = None, *, fresh: bool = False, for_good: bool = False, now: bool = False) -> None:
        decide("skip" if for_good else name, feature, "--fresh" if fresh else text or "", now=now)

    return click.Command(name, callback=callback, params=params, help=f"{verb.does}\n\n{NUMBERS}", epilog=f"Example: {verb.example}")


def features(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The ids of the plan that a shell may offer, with their titles."""
    try:
        house = find_house(Path.cwd())
        plan = planfile.read(house.worktree_plan() or b"", house.plan, *house.reading)
    except NightlatchError:
        return []
    known = [feature for feature in plan.features if feature.id.startswith(incomplete) and feature.id == plain(feature.id)]
    return [CompletionItem(feature.id, help=plain(feature.title, 60)) for feature in known]


def decide(verb: str, name: str, text: str, *, now: bool) -> None:
    """Record the decision, or say why it makes no sense, and who carries it out."""
    house = require_plan(find_house(Path.cwd()))
    seen = look.view(house)
    feature = seen.survey.find(name)
    waiting = [known for _, known in inbox.waiting(house) if known.feature == feature.id and known.verb != "note"]
    past = replay([decision(known.verb, known.text, feature, known.at) for known in waiting], seen.history).of(feature)
    verb = "done" if verb == "approve" and not settles(feature, past) else verb
    problem, fix = objection(verb, feature, past)
    if problem:
        raise UsageError(f"{plain(feature.id)} {problem}, so there is nothing to {verb}", place=house.plan, fix=fix)
    what = f"{plain(feature.id)} {plain(feature.title, 60)}"
    recorded = bool(waiting) and (waiting[-1].verb, waiting[-1].text) == (verb, text)
    if not recorded and needless(verb, feature, past, text):
        click.echo(f"{what}: nothing to do, it is so already")
        return
    if not recorded:
        from nightlatch.edge.opening import state_folder

        state_folder(house)
        if verb == "answer" and feature.answer not in ("", text, *past.answers):  # older than this one, and the later one counts
            inbox.leave(house, verb, feature.id, feature.answer, datetime.now(UTC))
    given = waiting[-1] if recorded else inbox.leave(house, verb, feature.id, text, datetime.now(UTC))
    failed = carry_out(house).get(given.id, "") if now else ""
    click.echo(f"{what}: {verb} {failed or progress_of(house)}")
    if failed:
        raise SystemExit(3)


def carry_out(house: House) -> dict[str, str]:
    """Everything in the inbox, as a run would before its first session; somebody else who does just that is waited for, a run is not.

    What could not be done is given, with what to do, by the decision's id.
    """
    from nightlatch.edge import decisions, landing, opening
    from nightlatch.edge.site import Options

    end, failed = monotonic() + PATIENCE, dict[str, str]()
    while any(inbox.waiting(house)) and monotonic() < end:
        try:
            with opening.entered(Options()) as site:
                landing.finish_publishing(site)
                landing.commit_plan_edits(site)
                failed |= decisions.carry_out(site)
        except BusyError:
            if look.last_turn(house).get("event") not in (None, "run.ended"):
                break
            sleep(0.05)
    return failed


def progress_of(house: House) -> str:
    """Where the decision has got to."""
    if not any(inbox.waiting(house)):
        return "is carried out"
    if look.holder(house) is not None:
        return "is recorded; the running loop carries it out before its next session"
    return "is recorded; the next run carries it out, or add --now"
