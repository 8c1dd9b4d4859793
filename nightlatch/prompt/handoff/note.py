"""The restart note: all that a fresh agent or a person needs to go on with a feature, as
Markdown in which nobody's text is markup."""

from collections.abc import Iterator, Sequence

from nightlatch.model.models import Feature
from nightlatch.prompt.brief import objective
from nightlatch.record.findings.findings import State
from nightlatch.record.findings.retrieval import (
    RelevantFinding,
    RetrievedContext,
    fence_of,
    location,
    quoted,
    texts_of,
)
from nightlatch.record.history import FeatureHistory
from nightlatch.record.progress import Entry

MOST = 60
SECTION = 15


def note(
    feature: Feature,
    past: FeatureHistory,
    phases: Sequence[Entry],
    known: RetrievedContext,
    carried: Sequence[str],
    tip: str,
    earlier: Sequence[str] = (),
) -> str:
    """Return the note as it stands at a commit; `carried` are the files of the work that has not
    landed, `earlier` is what other tools wrote."""
    sections = {
        "Objective": [*objectively(feature)],
        "Reproduction": reproduction(feature, known),
        "Done": [*(f"- {quoted(text, 900)}" for text in earlier), *done(past, phases, carried)],
        "Decisions": items(known.decisions),
        **{state.value.capitalize(): items(in_state(known, state)) for state in State},
        "Evidence": evidence(known)[:SECTION],
        "Next action": [quoted(known.next)] if known.next else [],
    }
    # An empty section says so: a reader must not take it for one that was forgotten.
    body = "\n".join(
        f"## {name}\n\n{chr(10).join(lines or ['None.'])}\n" for name, lines in sections.items()
    )
    return (
        f"# Restart note: {quoted(f'{feature.id} {feature.title}')}\n\nobjective"
        f" {objective(feature)}, at commit {tip[:9]}\n\n{body}"
    )


def reproduction(feature: Feature, known: RetrievedContext) -> list[str]:
    """Return the commands that show what fails: those of findings, else the feature's own."""
    if known.reproductions:
        return [f"- {text}" for text in known.reproductions]
    return [f"- {quoted(command)} fails now" for command in feature.verify]


def in_state(known: RetrievedContext, state: State) -> list[RelevantFinding]:
    return [finding for finding in known.findings if finding.state is state]


def evidence(known: RetrievedContext) -> list[str]:
    proofs = ((finding.finding.id, finding.proof) for finding in known.findings)
    return [f"- {name}: {proof}" for name, proof in proofs if proof]


def objectively(feature: Feature) -> Iterator[str]:
    """Yield what the plan says, byte for byte."""
    texts = [text for text in texts_of(feature)[1:] if text]
    fence = fence_of("\n".join(texts), 3)
    yield from (f"{fence}text", *texts, fence)


def done(past: FeatureHistory, phases: Sequence[Entry], carried: Sequence[str]) -> Iterator[str]:
    """Yield each session with what it came to, oldest first, then what lies in the feature's work
    tree."""
    told = {entry.details: entry for entry in (*phases, *reversed(past.tried)) if entry.details}
    for entry in sorted(told.values(), key=lambda entry: entry.at):
        what = f" {entry.rule}" if entry.rule else ""
        story = "; ".join(
            (entry.title, *entry.details[:-1]) if entry.word == "decision" else entry.details[:-1]
        )
        yield (
            f"- {entry.at:%Y-%m-%d %H:%M}"
            f" {entry.word}{what}{f': {quoted(story, 600)}' if story else ''}"
        )
    if carried:
        named = ", ".join(map(quoted, carried[:SECTION]))
        yield (
            f"- carried, not landed: {len(carried)} files differ:"
            f" {named}{' and more' if len(carried) > SECTION else ''}"
        )


def items(found: Sequence[RelevantFinding]) -> list[str]:
    told = [f"- {item(each)}" for each in found[:SECTION]]
    return [*told, f"- and {len(found) - SECTION} more"] if len(found) > SECTION else told


def item(known: RelevantFinding) -> str:
    """Return a finding: its id, whose word it is, the claim, and where to look."""
    found = known.finding
    parts = [f"{found.id} by {found.word_of}: {quoted(found.claim)}"]
    if known.state is State.STALE and known.standing:
        parts.append(f"was {found.state}; check again, for {quoted(known.standing.summary)}")
    if found.remarks.choice:
        parts.append(f"chosen {quoted(found.remarks.choice)}")
    if found.remarks.why:
        parts.append(f"because {quoted(found.remarks.why)}")
    if found.remarks.alternatives:
        parts.append(f"instead of {', '.join(map(quoted, found.remarks.alternatives))}")
    if cites := found.standing_cites[:3]:
        parts.append(f"cites {', '.join(quoted(location(cite)) for cite in cites)}")
    parts += [f"contradicted: {quoted(event.why)}" for event in found.challenges[-2:]]
    if found.next_action:
        parts.append(f"next: {quoted(found.next_action)}")
    return "; ".join(parts)
