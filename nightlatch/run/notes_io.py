"""The notebook: what agents note is harvested, what it claims is run by the loop itself, and
all of it becomes files of the record."""

import json
import posixpath
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from nightlatch import data
from nightlatch.agents.credentials_io import read_inside
from nightlatch.model.models import Verdict
from nightlatch.project.project import Project
from nightlatch.record.findings import notes as model
from nightlatch.record.findings.findings import (
    ID,
    Author,
    Cite,
    Evidence,
    Finding,
    FindingEvent,
    Grounds,
    ObservedRuns,
    Origin,
    State,
    added,
    render,
)
from nightlatch.record.findings.near_notes import joined
from nightlatch.record.findings.notes import LONGEST, MOST, NOTHING_FOUND, CheckedNote, Note, Trial
from nightlatch.record.findings.staleness import Blob, anchor
from nightlatch.record.progress import Entry
from nightlatch.run.context import Candidate, RunContext, Started
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.process import supervisor
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, file_of
from nightlatch.util import fs
from nightlatch.util.text import ends, folded

MOST_BYTES = 1_000_000  # of an agent's notes: more are no notes, and would fill the memory
# bytes of the beginning and of the end: of what a command printed, of a file that is in no commit
PRINTED, KEPT = 2_000, 8_000
CONFIRMED = frozenset({State.VERIFIED, State.REJECTED})


def schema() -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(data.text("schema", "note.json"))
    return found


def harvest(context: RunContext, started: Started, *, over: bool = False) -> list[str]:
    """Return the lines that this session has noted so far, kept beside its transcript: what the
    agent takes away later stays.

    Kept whole or not at all, so that no crash leaves half a note.
    """
    kept = kept_notes(context.project, started.id)
    found = heard(context.project, started.id, started.workspace.out, over=over)
    if found != (kept.read_text(encoding="utf-8").split("\n") if kept.is_file() else []):
        fs.make_folder(kept.parent)
        fs.replace(kept, "\n".join(found).encode())
    return found


def heard(project: Project, session: str, out: Path | None, *, over: bool) -> list[str]:
    """Return the lines of a session: those that were kept, then those in its folder.

    One counts once it is whole, or the session is `over`.
    """
    kept, hide = kept_notes(project, session), project.secrets.hide_line
    known = kept.read_text(encoding="utf-8").split("\n") if kept.is_file() else []
    data = (read_inside(out, "notes.jsonl", MOST_BYTES) if out else None) or b""
    *lines, last = data.decode("utf-8", "replace").replace("\0", "").split("\n")
    whole = [*lines, last] if over and len(data) < MOST_BYTES else lines
    shown = (
        *known,
        *(hide(line.encode("utf-8", "surrogatepass")).decode("utf-8", "replace") for line in whole),
    )
    return list(
        dict.fromkeys(line.strip()[:LONGEST] for line in joined(shown, over=over) if line.strip())
    )[: MOST + 1]


def kept_notes(project: Project, session: str) -> Path:
    return project.state / "sessions" / session / "notes.jsonl"


def notes_of_lost_session(
    context: RunContext, session: str, feature: str, base: str
) -> CheckedNote:
    """Return what a session had noted whose workspace is gone. What is on record is left out."""
    known = {finding.id: finding for finding in context.findings(context.tip())}
    said = {
        finding.id
        for finding in known.values()
        if session in {event.session for event in finding.events}
    }
    found = taken(
        context.project,
        heard(context.project, session, None, over=True),
        frozenset(known),
        session,
        feature,
        base,
        context.now(),
    )
    return replace(
        found,
        events=tuple((name, event) for name, event in found.events if name in known.keys() - said),
    )


def taken(
    project: Project,
    texts: list[str],
    known: frozenset[str],
    session: str,
    feature: str,
    base: str,
    at: datetime,
) -> CheckedNote:
    """Return what these lines of a session say, as it was said, and nothing of it run; what is
    among the known findings is left out."""
    notes = [*model.take(texts[:MOST], schema(), feature, session, at)]
    new = tuple(
        anchored(project, base, base, note.finding)
        for note in notes
        if note.finding and note.id not in known
    )
    return CheckedNote(new=new, events=tuple((note.id, note.event) for note in notes if note.event))


def gather(context: RunContext, started: Started, tree: str) -> CheckedNote:
    """Return what a session adds to the record, its claims run by the loop in fresh checkouts of
    what it left."""
    texts = harvest(context, started, over=True)
    if not texts:
        return NOTHING_FOUND
    known = {finding.id: finding for finding in context.findings(started.base)}
    taken = [*model.take(texts[:MOST], schema(), started.feature.id, started.id, context.now())]
    context.console.say(
        "notes", f"{started.feature.id} {len(taken)} notes; what they claim is run now"
    )
    # all claims together get the time of one check: an agent must not buy hours by noting a lot
    until = time.monotonic() + context.project.config.limits.check
    found = NOTHING_FOUND
    for note in taken:
        found = weighed(context, started, tree, known, found, note, until)
    # what reads like no note is kept as text, and said: silence would hide a broken agent
    plain = sum(finding.remarks.why.startswith("kept as text: ") for finding in found.new)
    remarks = (
        (f"more than {MOST} notes: the rest is left out", len(texts) > MOST),
        (f"{plain} notes are no notes, kept as text", plain),
    )
    named = dict.fromkeys(name for text in texts for name in ID.findall(text) if name in known)
    challenged = {name for name, _ in found.events}
    told = tuple(says for says, true in remarks if true)
    return replace(
        found, remarks=told, reused=tuple(name for name in named if name not in challenged)
    )


def weighed(
    context: RunContext,
    started: Started,
    tree: str,
    known: Mapping[str, Finding],
    found: CheckedNote,
    note: Note,
    until: float,
) -> CheckedNote:
    """Return what was found, with one note more: its words as the agent's, and what the loop saw as
    the loop's."""
    on_record = {**known, **{finding.id: finding for finding in found.new}}
    if note.event and note.id not in on_record:
        note = as_claim(note.id, note.event, started)
    unchanged = note.at_base or tree == context.project.repo.tree_of(started.base)
    tried = partial(
        tries, context, started.base, started.base if note.at_base else tree, until=until
    )
    if note.event:
        return contested(context, started, tree, found, note, on_record[note.id], tried)
    assert note.finding  # noqa: S101  # a note is one or the other
    finding = anchored(context.project, tree, started.base, note.finding, started)
    ran = tried(model.trials(finding))
    state = model.outcome(finding.says, [trial for trial, _ in ran], unchanged=unchanged)
    own = observed_events(context, started, ran, state if state in CONFIRMED else None)
    finding = replace(finding, events=own)
    is_confirmed = state in CONFIRMED and state is finding.says
    shown = _commands_behind(state, (*known.values(), *found.new))
    # what the same commands have shown before is not found out once more
    is_news = is_confirmed and not shown.issuperset(finding.commands)
    return replace(
        found,
        new=(*found.new, finding),
        events=(*found.events, *_events_elsewhere(finding, state, known.values())),
        confirmed=(*found.confirmed, finding.id) if is_news else found.confirmed,
    )


def _commands_behind(state: State, findings: Iterable[Finding]) -> set[str]:
    """Return the commands that findings of this state rest on."""
    same = (finding for finding in findings if finding.state is state)
    return {command for finding in same for command in finding.commands}


def _events_elsewhere(
    finding: Finding, state: State, known: Collection[Finding]
) -> Iterator[tuple[str, FindingEvent]]:
    """Yield what a finding that was just tried says of others, each by its id: one that was seen
    again is fresh, an open question of the same words is settled."""
    for each in known:
        has_same_commands = {*each.commands} == {*finding.commands}
        if state is finding.says is each.state and has_same_commands:
            for event in finding.events:
                yield each.id, replace(event, cites=finding.grounds.cites)
    for each in known:
        if each.state is State.OPEN and folded(each.claim) == folded(finding.claim):
            yield from ((each.id, event) for event in finding.events if event.state)


def contested(
    context: RunContext,
    started: Started,
    tree: str,
    found: CheckedNote,
    note: Note,
    finding: Finding,
    tried: Callable[[tuple[Trial, ...]], tuple[tuple[Trial, Evidence], ...]],
) -> CheckedNote:
    """Return what was found with an objection more: what contradicts a finding is run, and what
    the finding rests on as well."""
    assert note.event  # noqa: S101  # an objection
    evidence = pinned(context.project, tree, note.event.evidence, started)
    event = replace(note.event, evidence=evidence)
    ran = tried(tuple(Trial(command=each.command) for each in event.evidence if each.command))
    against = [trial for trial, _ in ran]
    now = model.contested(
        finding, against, lambda: [trial for trial, _ in tried(model.trials(finding))], note.settles
    )
    observed = ((note.id, each) for each in observed_events(context, started, ran, now))
    return replace(found, events=(*found.events, (note.id, event), *observed))


def as_claim(name: str, event: FindingEvent, started: Started) -> Note:
    """Return an objection to something that is not on record as a claim of its own."""
    claim = f"contradicts {name}, which is not on record: {event.why}"
    lone = Finding(
        id=model.name_of(started.id, claim),
        feature=started.feature.id,
        claim=claim,
        origin=Origin(by=Author.AGENT, session=started.id, at=event.at),
        grounds=Grounds(evidence=event.evidence),
    )
    return Note(id=lone.id, finding=lone)


def observed_events(
    context: RunContext,
    started: Started,
    ran: Iterable[tuple[Trial, Evidence]],
    state: State | None,
) -> tuple[FindingEvent, ...]:
    """Return the loop's own event: what it ran, how often it failed, what it printed, and what that
    makes of the claim."""
    done = tuple(ran)
    if not done:
        return ()
    again = [trial for trial, _ in done if trial.fails]
    event = FindingEvent(
        at=context.now(),
        by=Author.LOOP,
        session=started.id,
        state=state,
        why="; ".join(model.told_of(trial) for trial, _ in done),
        evidence=tuple(each for _, each in done),
        observed=ObservedRuns(
            failed=sum(trial.failed for trial in again),
            runs=sum(trial.runs for trial in again),
            commit=started.base,
        ),
    )
    return (event,)


def tries(
    context: RunContext, base: str, tree: str, wanted: tuple[Trial, ...], *, until: float
) -> tuple[tuple[Trial, Evidence], ...]:
    """Return the commands, each run in a checkout of its own until enough is known of it."""
    done = []
    for trial in wanted:
        # a fresh checkout for each: what one command leaves must not prove the next claim
        with context.engine.evaluator.open_room(
            base, context.engine.evaluator.clean(base, tree)
        ) as room:
            done.append(run(context, room, trial, until))
    return tuple(done)


def run(
    context: RunContext, room: SandboxSpec, trial: Trial, until: float
) -> tuple[Trial, Evidence]:
    """Run one command until its runs show something, the cap is reached or the time is up; and what
    its last run came to."""
    ended = Evidence(command=trial.command)
    command = context.sandbox.command(room, ["sh", "-c", trial.command])
    while trial.open:
        seconds_left = until - time.monotonic()
        if seconds_left <= 0 or context.signals.asked:
            return replace(trial, fault="" if trial.runs else "no time was left"), ended
        ran = supervisor.run(
            command, timeout=min(seconds_left, context.project.config.limits.check / 3)
        )
        if (answer := run_io.answered(ran)) is CheckStatus.FAULT:
            return replace(trial, fault=supervisor.ended(ran)), ended
        printed = (
            ends(context.project.secrets.hide_bytes(ran.output), PRINTED)
            .decode("utf-8", "replace")
            .strip()
        )
        ended = Evidence(
            command=trial.command,
            exit=ran.exit,
            digest=sha256(ran.output).hexdigest()[:16],
            output=printed,
        )
        trial = replace(
            trial, runs=trial.runs + 1, failed=trial.failed + (answer is CheckStatus.RED)
        )
    return trial, ended


def anchored(
    project: Project, tree: str, base: str, finding: Finding, started: Started | None = None
) -> Finding:
    """Return a finding whose cites and evidence files can be found again."""
    cites = []
    for cite in finding.grounds.cites:
        path = path_of(project, cite.path)
        held = project.repo.find(f"{tree}:{path}") if path else None
        blob = Blob(path=path, oid=held[0], data=held[2]) if held and held[1] == "blob" else None
        cites.append(
            anchor(replace(cite, path=path), blob, base)
            if blob
            else replace(cite, path=path or cite.path)
        )
    evidence = pinned(project, tree, finding.grounds.evidence, started)
    grounds = replace(finding.grounds, cites=tuple(cites), evidence=evidence)
    return replace(finding, grounds=grounds)


def path_of(project: Project, name: str) -> str:
    """Return a path that somebody wrote, as git names it; "" where it lies outside."""
    inside = (
        posixpath.relpath(name, project.repo.top)
        if name.startswith("/")
        else posixpath.normpath(project.path(name))
    )
    return "" if inside.startswith("..") or "\n" in inside else inside


def pinned(
    project: Project, tree: str, evidence: tuple[Evidence, ...], started: Started | None
) -> tuple[Evidence, ...]:
    """Evidence with the digests of its files: of the tree, or of NIGHTLATCH_OUT: kept beside
    the transcript, and text here, too."""
    done = []
    for each in evidence:
        path, text = path_of(project, each.file) if each.file else "", ""
        data = project.repo.read(tree, path) if path else None
        if (
            data is None
            and each.file
            and started
            and (data := read_inside(started.workspace.out, Path(each.file).name, MOST_BYTES))
        ):
            # the record is committed: no key may get into it through a file of evidence
            shown = project.secrets.hide_bytes(data)
            text = ends(shown, KEPT).decode("utf-8", "replace").strip() if is_text(shown) else ""
            with suppress(OSError):
                fs.replace(project.state / "sessions" / started.id / Path(each.file).name, shown)
        done.append(
            each
            if data is None
            else replace(each, file=path or each.file, sha256=sha256(data).hexdigest(), output=text)
        )
    return tuple(done)


def is_text(data: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        data.decode()
        return b"\0" not in data
    return False


def with_chances(
    context: RunContext, candidate: Candidate, verdict: Verdict, session: str
) -> Candidate:
    """Return the candidate with a finding for each flaky test that its verdict tolerated, unless
    that is on record already; it is recorded as open."""
    known, new = {finding.id for finding in context.findings(context.tip())}, []
    for name, (failed, runs) in verdict.chances.items():
        said = f"failed {failed} of {runs} runs on the base and on the candidate"
        event = FindingEvent(
            at=context.now(),
            by=Author.LOOP,
            session=session,
            why=said,
            observed=ObservedRuns(failed=failed, runs=runs, commit=candidate.base),
        )
        lone = Finding(
            id=model.name_of("flaky", name),
            claim=f"{name} passes and fails by chance",
            origin=Origin(by=Author.LOOP, session=session, at=event.at),
            grounds=Grounds(cites=(Cite(path=file_of(name)),)),
            events=(event,),
        )
        made = anchored(context.project, candidate.base, candidate.base, lone)
        cites = tuple(cite for cite in made.grounds.cites if cite.blob)
        new += (
            [replace(made, grounds=replace(made.grounds, cites=cites))]
            if made.id not in known
            else []
        )
    return replace(candidate, found=replace(candidate.found, new=(*candidate.found.new, *new)))


def record(project: Project, tip: str, found: CheckedNote) -> dict[str, bytes | None]:
    """Return the files that hold all this at a tip: new ones, and known ones with events at their
    end.

    What is there is not written twice.
    """
    texts: dict[str, str] = {}
    for finding in found.new:
        path = project.finding_path(finding.id)
        if project.repo.read(tip, path) is None:
            texts[path] = render(finding)
    for name, event in found.events:
        path = project.finding_path(name)
        data = b"" if path in texts else project.repo.read(tip, path)
        if data is not None:
            texts[path] = added(texts.get(path) or data.decode("utf-8", "surrogateescape"), event)
    return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}


def entries(context: RunContext, found: CheckedNote) -> tuple[Entry, ...]:
    """Return the lines in progress.txt."""
    now = context.now()
    known = (
        {finding.id: finding for finding in context.findings(context.tip())} if found.events else {}
    )
    added = (model.entry(f, f.state, f.events[-1].why if f.events else "", now) for f in found.new)
    more = ((known[name], event) for name, event in found.events if name in known)
    return (
        *added,
        *(
            model.entry(f, event.state or f.state, f"{event.by}: {event.why}", now)
            for f, event in more
        ),
    )
