"""The notebook: what agents note is harvested, what it claims is run by the loop itself, and
all of it becomes files of the record."""

import json
import posixpath
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from nightlatch import data
from nightlatch.core import notes as model
from nightlatch.core.findings import (
    ID,
    Author,
    Cite,
    Evidence,
    Finding,
    FindingEvent,
    State,
    added,
    render,
)
from nightlatch.core.models import Verdict
from nightlatch.core.nearnotes import joined
from nightlatch.core.notes import LONGEST, MOST, NOTHING_FOUND, Found, Note, Trial
from nightlatch.core.progress import Entry
from nightlatch.core.results import Answer, file_of
from nightlatch.core.staleness import Blob, anchor
from nightlatch.core.text import ends, folded
from nightlatch.edge import files, process, runner
from nightlatch.edge.homes import read_inside
from nightlatch.edge.house import House
from nightlatch.edge.sandbox_base import SandboxSpec
from nightlatch.edge.site import Candidate, Site, Started

MOST_BYTES = 1_000_000
# bytes of the beginning and of the end: of what a command printed, of a file that is in no commit
PRINTED, KEPT = 2_000, 8_000
CONFIRMED = frozenset({State.VERIFIED, State.REJECTED})


def schema() -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(data.text("schema", "note.json"))
    return found


def harvest(site: Site, started: Started, *, over: bool = False) -> list[str]:
    """The lines that this session has noted so far, kept beside its transcript: what the agent
    takes away later stays.

    Kept whole or not at all, so that no crash leaves half a note.
    """
    kept = kept_notes(site.house, started.id)
    found = heard(site.house, started.id, started.workspace.out, over=over)
    if found != (kept.read_text(encoding="utf-8").split("\n") if kept.is_file() else []):
        files.make_folder(kept.parent)
        files.replace(kept, "\n".join(found).encode())
    return found


def heard(house: House, session: str, out: Path | None, *, over: bool) -> list[str]:
    """The lines of a session: those that were kept, then those in its folder.

    One counts once it is whole, or the session is `over`.
    """
    kept, hide = kept_notes(house, session), house.secrets.hide_line
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


def kept_notes(house: House, session: str) -> Path:
    return house.state / "sessions" / session / "notes.jsonl"


def left(site: Site, session: str, feature: str, base: str) -> Found:
    """What a session had noted whose workspace is gone. What is on record is left out."""
    known = {finding.id: finding for finding in site.findings(site.tip())}
    said = {
        finding.id
        for finding in known.values()
        if session in {event.session for event in finding.events}
    }
    found = taken(
        site.house,
        heard(site.house, session, None, over=True),
        frozenset(known),
        session,
        feature,
        base,
        site.now(),
    )
    return replace(
        found,
        events=tuple((name, event) for name, event in found.events if name in known.keys() - said),
    )


def taken(
    house: House,
    texts: list[str],
    known: frozenset[str],
    session: str,
    feature: str,
    base: str,
    at: datetime,
) -> Found:
    """What these lines of a session say, as it was said, and nothing of it run; what is among
    the known findings is left out."""
    notes = [*model.take(texts[:MOST], schema(), feature, session, at)]
    new = tuple(
        anchored(house, base, base, note.finding)
        for note in notes
        if note.finding and note.id not in known
    )
    return Found(new=new, events=tuple((note.id, note.event) for note in notes if note.event))


def gather(site: Site, started: Started, tree: str) -> Found:
    """What a session adds to the record, its claims run by the loop in fresh checkouts of what
    it left."""
    texts = harvest(site, started, over=True)
    if not texts:
        return NOTHING_FOUND
    known = {finding.id: finding for finding in site.findings(started.base)}
    taken = [*model.take(texts[:MOST], schema(), started.feature.id, started.id, site.now())]
    site.console.say(
        "notes", f"{started.feature.id} {len(taken)} notes; what they claim is run now"
    )
    until = time.monotonic() + site.house.config.limits.check
    found = NOTHING_FOUND
    for note in taken:
        found = weighed(site, started, tree, known, found, note, until)
    plain = sum(finding.why.startswith("kept as text: ") for finding in found.new)
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
    site: Site,
    started: Started,
    tree: str,
    known: Mapping[str, Finding],
    found: Found,
    note: Note,
    until: float,
) -> Found:
    """What was found, with one note more: its words as the agent's, and what the loop saw as
    the loop's."""
    said = {**known, **{finding.id: finding for finding in found.new}}
    if note.event and note.id not in said:
        note = as_claim(note.id, note.event, started)
    unchanged = note.at_base or tree == site.house.repo.tree_of(started.base)
    tried = partial(tries, site, started.base, started.base if note.at_base else tree, until=until)
    if note.event:
        event = replace(note.event, evidence=pinned(site.house, tree, note.event.evidence, started))
        ran = tried(tuple(Trial(command=each.command) for each in event.evidence if each.command))
        against, told = [trial for trial, _ in ran], said[note.id]
        now = model.contested(
            told, against, lambda: [trial for trial, _ in tried(model.trials(told))], note.settles
        )
        return replace(
            found,
            events=(
                *found.events,
                (note.id, event),
                *((note.id, each) for each in seen(site, started, ran, now)),
            ),
        )
    assert note.finding  # noqa: S101  # a note is one or the other
    finding = anchored(site.house, tree, started.base, note.finding, started)
    ran = tried(model.trials(finding))
    state = model.outcome(finding.says, [trial for trial, _ in ran], unchanged=unchanged)
    own = seen(site, started, ran, state if state in CONFIRMED else None)
    finding = replace(finding, events=own)
    again = [
        each
        for each in known.values()
        if state is finding.says is each.state and {*each.commands} == {*finding.commands}
    ]
    asked = [
        each
        for each in known.values()
        if each.state is State.OPEN and folded(each.claim) == folded(finding.claim)
    ]
    # seen again: what is stale is fresh
    more = [(each.id, replace(event, cites=finding.cites)) for each in again for event in own]
    # the same question, settled
    more += [(each.id, event) for each in asked for event in own if event.state]
    shown = {
        command
        for each in (*known.values(), *found.new)
        if each.state is state
        for command in each.commands
    }
    fresh = state in CONFIRMED and state is finding.says and not shown.issuperset(finding.commands)
    confirmed = (*found.confirmed, finding.id) if fresh else found.confirmed
    return replace(
        found, new=(*found.new, finding), events=(*found.events, *more), confirmed=confirmed
    )


def as_claim(name: str, event: FindingEvent, started: Started) -> Note:
    """Return an objection to something that is not on record as a claim of its own."""
    claim = f"contradicts {name}, which is not on record: {event.why}"
    lone = Finding(
        id=model.name_of(started.id, claim),
        feature=started.feature.id,
        claim=claim,
        by=Author.AGENT,
        session=started.id,
        at=event.at,
        evidence=event.evidence,
    )
    return Note(id=lone.id, finding=lone)


def seen(
    site: Site, started: Started, ran: Iterable[tuple[Trial, Evidence]], state: State | None
) -> tuple[FindingEvent, ...]:
    """The loop's own event: what it ran, how often it failed, what it printed, and what that
    makes of the claim."""
    done = tuple(ran)
    if not done:
        return ()
    again = [trial for trial, _ in done if trial.fails]
    event = FindingEvent(
        at=site.now(),
        by=Author.LOOP,
        session=started.id,
        state=state,
        commit=started.base,
        why="; ".join(model.told_of(trial) for trial, _ in done),
        evidence=tuple(each for _, each in done),
        failed=sum(trial.failed for trial in again),
        runs=sum(trial.runs for trial in again),
    )
    return (event,)


def tries(
    site: Site, base: str, tree: str, wanted: tuple[Trial, ...], *, until: float
) -> tuple[tuple[Trial, Evidence], ...]:
    """The commands, each run in a checkout of its own until enough is known of it."""
    done = []
    for trial in wanted:
        with site.engine.evaluator.open_room(base, site.engine.evaluator.clean(base, tree)) as room:
            done.append(run(site, room, trial, until))
    return tuple(done)


def run(site: Site, room: SandboxSpec, trial: Trial, until: float) -> tuple[Trial, Evidence]:
    """One command until its runs show something, the cap is reached or the time is up; and what
    its last run came to."""
    ended = Evidence(command=trial.command)
    command = site.sandbox.command(room, ["sh", "-c", trial.command])
    while trial.open:
        left = until - time.monotonic()
        if left <= 0 or site.signals.asked:
            return replace(trial, fault="" if trial.runs else "no time was left"), ended
        ran = process.run(command, timeout=min(left, site.house.config.limits.check / 3))
        if (answer := runner.answered(ran)) is Answer.FAULT:
            return replace(trial, fault=runner.ended(ran)), ended
        printed = (
            ends(site.house.secrets.hide_bytes(ran.output), PRINTED)
            .decode("utf-8", "replace")
            .strip()
        )
        ended = Evidence(
            command=trial.command,
            exit=ran.exit,
            digest=sha256(ran.output).hexdigest()[:16],
            output=printed,
        )
        trial = replace(trial, runs=trial.runs + 1, failed=trial.failed + (answer is Answer.RED))
    return trial, ended


def anchored(
    house: House, tree: str, base: str, finding: Finding, started: Started | None = None
) -> Finding:
    """A finding whose cites and evidence files can be found again."""
    cites = []
    for cite in finding.cites:
        path = path_of(house, cite.path)
        held = house.repo.find(f"{tree}:{path}") if path else None
        blob = Blob(path=path, oid=held[0], data=held[2]) if held and held[1] == "blob" else None
        cites.append(
            anchor(replace(cite, path=path), blob, base)
            if blob
            else replace(cite, path=path or cite.path)
        )
    return replace(
        finding, cites=tuple(cites), evidence=pinned(house, tree, finding.evidence, started)
    )


def path_of(house: House, name: str) -> str:
    """A path that somebody wrote, as git names it; "" where it lies outside."""
    inside = (
        posixpath.relpath(name, house.repo.top)
        if name.startswith("/")
        else posixpath.normpath(house.path(name))
    )
    return "" if inside.startswith("..") or "\n" in inside else inside


def pinned(
    house: House, tree: str, evidence: tuple[Evidence, ...], started: Started | None
) -> tuple[Evidence, ...]:
    """Evidence with the digests of its files: of the tree, or of NIGHTLATCH_OUT: kept beside
    the transcript, and text here, too."""
    done = []
    for each in evidence:
        path, text = path_of(house, each.file) if each.file else "", ""
        data = house.repo.read(tree, path) if path else None
        if (
            data is None
            and each.file
            and started
            and (data := read_inside(started.workspace.out, Path(each.file).name, MOST_BYTES))
        ):
            shown = house.secrets.hide_bytes(data)
            text = ends(shown, KEPT).decode("utf-8", "replace").strip() if is_text(shown) else ""
            with suppress(OSError):
                files.replace(house.state / "sessions" / started.id / Path(each.file).name, shown)
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


def with_chances(site: Site, candidate: Candidate, verdict: Verdict, session: str) -> Candidate:
    """The candidate with a finding for each flaky test that its verdict tolerated, unless that
    is on record: open, for whoever comes by."""
    known, new = {finding.id for finding in site.findings(site.tip())}, []
    for name, (failed, runs) in verdict.chances.items():
        said = f"failed {failed} of {runs} runs on the base and on the candidate"
        event = FindingEvent(
            at=site.now(),
            by=Author.LOOP,
            session=session,
            why=said,
            commit=candidate.base,
            failed=failed,
            runs=runs,
        )
        lone = Finding(
            id=model.name_of("flaky", name),
            claim=f"{name} passes and fails by chance",
            by=Author.LOOP,
            session=session,
            at=event.at,
            cites=(Cite(path=file_of(name)),),
            events=(event,),
        )
        made = anchored(site.house, candidate.base, candidate.base, lone)
        new += (
            [replace(made, cites=tuple(cite for cite in made.cites if cite.blob))]
            if made.id not in known
            else []
        )
    return replace(candidate, found=replace(candidate.found, new=(*candidate.found.new, *new)))


def record(house: House, tip: str, found: Found) -> dict[str, bytes | None]:
    """The files that hold all this at a tip: new ones, and known ones with events at their end.

    What is there is not written twice.
    """
    texts: dict[str, str] = {}
    for finding in found.new:
        path = house.finding_path(finding.id)
        if house.repo.read(tip, path) is None:
            texts[path] = render(finding)
    for name, event in found.events:
        path = house.finding_path(name)
        data = b"" if path in texts else house.repo.read(tip, path)
        if data is not None:
            texts[path] = added(texts.get(path) or data.decode("utf-8", "surrogateescape"), event)
    return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}


def entries(site: Site, found: Found) -> tuple[Entry, ...]:
    """The lines in progress.txt."""
    now = site.now()
    known = {finding.id: finding for finding in site.findings(site.tip())} if found.events else {}
    added = (model.entry(f, f.state, f.events[-1].why if f.events else "", now) for f in found.new)
    more = ((known[name], event) for name, event in found.events if name in known)
    return (
        *added,
        *(
            model.entry(f, event.state or f.state, f"{event.by}: {event.why}", now)
            for f, event in more
        ),
    )
