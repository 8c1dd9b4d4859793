"""What other loops wrote into progress.txt about a feature: told where it is certain that this
one is meant, else the text it is."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
    for each in (*text.splitlines(), "---"):
        if each.startswith(("# ", "## ")) or each.rstrip() == "---":
            if heading and (found := SUBJECT.fullmatch(about(heading, body))):
                told = line(heading, 120), line(" ".join(body), LONGEST)
                yield ForeignEntry(
                    heading=told[0],
                    whole=folded(found[0]),
                    name=found[1],
                    rest=folded(found[2]),
                    body=told[1],
                )
            heading, body = each[3:].strip() if each.startswith("## ") else "", []
        elif heading:
            body.append(each)


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
    titles = {each.id: folded(each.title) for each in features}
    counts = Counter(each.name for each in told)
    ours = all(
        each.whole in titles.values()
        or (each.name in titles and each.rest in ("", titles[each.name]))
        for each in told
    )

    def certain(each: ForeignEntry) -> bool:
        if each.whole == folded(feature.title) or (each.name, each.rest) == (
            feature.id,
            folded(feature.title),
        ):
            return True
        return (each.name, each.rest) == (feature.id, "") and ours and counts[feature.id] == 1

    found = [each for each in reversed(told) if certain(each)][:MOST]
    return tuple(
        f"another tool wrote, and nobody checked, under {each.heading}: {each.body}"
        for each in found
    )
