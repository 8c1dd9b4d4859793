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
    """The note as it stands at a commit; `carried` are the files of the work that has not
    landed, `earlier` is what other tools wrote."""
    by_state = {state: [each for each in known.findings if each.state is state] for state in State}
    sections = {
        "Objective": [*objectively(feature)],
        "Reproduction": (
            [f"- {text}" for text in known.reproductions]
            or [f"- {quoted(command)} fails now" for command in feature.verify]
        ),
        "Done": [*(f"- {quoted(text, 900)}" for text in earlier), *done(past, phases, carried)],
        "Decisions": items(known.decisions),
        **{state.value.capitalize(): items(by_state[state]) for state in State},
        "Evidence": [f"- {each.finding.id}: {each.proof}" for each in known.findings if each.proof][
            :SECTION
        ],
        "Next action": [quoted(known.next)] if known.next else [],
    }
    body = "\n".join(
        f"## {name}\n\n{chr(10).join(lines or ['None.'])}\n" for name, lines in sections.items()
    )
    return (
        f"# Restart note: {quoted(f'{feature.id} {feature.title}')}\n\nobjective"
        f" {objective(feature)}, at commit {tip[:9]}\n\n{body}"
    )


def objectively(feature: Feature) -> Iterator[str]:
    """What the plan says, byte for byte."""
    texts = [text for text in texts_of(feature)[1:] if text]
    fence = fence_of("\n".join(texts), 3)
    yield from (f"{fence}text", *texts, fence)


def done(past: FeatureHistory, phases: Sequence[Entry], carried: Sequence[str]) -> Iterator[str]:
    """Each session with what it came to, oldest first, then what lies in the feature's work
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
    """A finding: its id, whose word it is, the claim, and where to look."""
    found = known.finding
    parts = [f"{found.id} by {found.word_of}: {quoted(found.claim)}"]
    if known.state is State.STALE and known.standing:
        parts.append(f"was {found.state}; check again, for {quoted(known.standing.summary)}")
    parts += [
        f"{word} {quoted(text)}"
        for word, text in (("chosen", found.choice), ("because", found.why))
        if text
    ]
    parts += (
        [f"instead of {', '.join(map(quoted, found.alternatives))}"] if found.alternatives else []
    )
    parts += (
        [f"cites {', '.join(quoted(location(cite)) for cite in found.standing_cites[:3])}"]
        if found.standing_cites
        else []
    )
    parts += [f"contradicted: {quoted(event.why)}" for event in found.challenges[-2:]]
    return "; ".join(
        (*parts, *([f"next: {quoted(found.next_action)}"] if found.next_action else []))
    )
