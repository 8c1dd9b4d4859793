"""What other loops wrote into progress.txt about a feature: told where it is certain that this
one is meant, else the text it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.model.models import Feature
from nightlatch.record.progress import line
from nightlatch.util.text import folded

MOST = 3
LONGEST = 700
DATED = re.compile(r".*?\d.*? - (\S.*)")
ROUND = re.compile(r"Iteration \d+\b")
TASK = re.compile(r"\*\*Task:?\*\*:? +(\S.*)", re.IGNORECASE)
SUBJECT = re.compile(r"[\[`]*([^\s:`\]]+)[`\]]*:?(?:\s+[-–—:]\s+|\s*)(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEntry:
    """One entry of another tool.

    Of what it says that it is about: all of it, its first word, which may be an id, and what
    follows, which may be a title; both flat.
    """

    heading: str
    whole: str
    name: str
    rest: str
    body: str


def read(text: str) -> Iterator[ForeignEntry]:
    """Yield the entries of the two styles that name what they are about: `## date - US-001`, and
    `## Iteration 3` with `**Task**: ...`."""
    heading, body = "", list[str]()
    # The last rule ends the last entry.
    for row in (*text.splitlines(), "---"):
        if row.startswith(("# ", "## ")) or row.rstrip() == "---":
            if heading and (subject := SUBJECT.fullmatch(about(heading, body))):
                yield ForeignEntry(
                    heading=line(heading, 120),
                    whole=folded(subject[0]),
                    name=subject[1],
                    rest=folded(subject[2]),
                    body=line(" ".join(body), LONGEST),
                )
            heading, body = row[3:].strip() if row.startswith("## ") else "", []
        elif heading:
            body.append(row)


def about(heading: str, body: Sequence[str]) -> str:
    if ROUND.match(heading):
        return next((found[1].strip() for each in body if (found := TASK.match(each.strip()))), "")
    found = DATED.fullmatch(heading)
    return found[1].strip() if found else ""


def before(
    feature: Feature, features: Sequence[Feature], told: Sequence[ForeignEntry]
) -> tuple[str, ...]:
    """Return what is certainly about this feature, latest first: its title is given; or its id,
    once only, in a file that knows this plan alone.

    Ids repeat between plans: where one of them is strange, or comes twice, or with another title,
    nobody can tell which plan it was.
    """
    if not told:
        return ()
    titles = {other.id: folded(other.title) for other in features}
    title = folded(feature.title)
    mentions = sum(entry.name == feature.id for entry in told)
    id_is_certain = mentions == 1 and all(is_of_plan(entry, titles) for entry in told)

    def is_certain(entry: ForeignEntry) -> bool:
        subject = (entry.name, entry.rest)
        if entry.whole == title or subject == (feature.id, title):
            return True
        return id_is_certain and subject == (feature.id, "")

    return tuple(
        f"another tool wrote, and nobody checked, under {entry.heading}: {entry.body}"
        for entry in [entry for entry in reversed(told) if is_certain(entry)][:MOST]
    )


def is_of_plan(entry: ForeignEntry, titles: Mapping[str, str]) -> bool:
    """Is an entry about a feature of a plan with these titles, and of no other plan?"""
    if entry.whole in titles.values():
        return True
    return entry.name in titles and entry.rest in ("", titles[entry.name])
