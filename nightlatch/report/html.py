"""The report as one self-contained page: no script, no network, every text escaped.

To be imported where a page is made: jinja2 is slow.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nightlatch.model.models import LANDS
from nightlatch.report.model import BROKEN, Report, SessionReport, size
from nightlatch.report.text import (
    cost,
    folded,
    moment,
    money,
    pushed,
    reason,
    spent,
    state,
    stopped,
    trouble,
    when,
    why_read,
)
from nightlatch.util.text import plain

# The page is read on a phone, and may be about a week: what is beyond these is counted, and the
# command that shows it stands beside the number.
MOST = 40  # decisions, landings, refusals
LANES = 30  # features in the chart
TABLE = 100  # rows of a table
HEIGHT = 110  # of a chart, in its own units
DIFF_LINES, DIFF_WIDTH, DIFFS = 150, 200, 120_000
PIXEL = 0.4  # percent: a session of seconds in a night of hours is still seen
# Nothing is loaded and nothing runs: what an agent wrote could otherwise call home from the page.
POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'"
)
HEADINGS = {
    "unproved": "It landed, and you have the last word: ",
    "held": "It waits for your word: ",
    "worn out": "It ",
}
EPOCH = datetime.fromtimestamp(0, UTC)


def page(
    report: Report,
    template: str,
    diffs: Mapping[str, str],
    pictures: Mapping[str, Sequence[tuple[str, str, bytes]]],
) -> str:
    """Return the page.

    Its own style is the only thing that its policy allows, beside the pictures that lie in it.
    """
    style = re.search(r"<style>(.*?)</style>", template, re.DOTALL)
    digest = b64encode(sha256((style[1] if style else "").encode()).digest()).decode()
    whole, landed, apart = report.totals, report.landed, report.apart
    (tests, *_), zone = state(report), f"{report.run.start or EPOCH:%Z}"
    return compiled(template).render(
        r=report,
        apart=apart,
        landed=landed,
        read=apart.read,
        policy=POLICY.format(digest),
        diffs=shortened(diffs),
        pictures={name: [*map(inline, each)] for name, each in pictures.items()},
        most=MOST,
        broken=BROKEN,
        headings=HEADINGS,
        tests=tests,
        pushed=pushed(report.branch.unpushed),
        stopped=stopped(report).removeprefix("stopped").lstrip() if report.run.stop else "",
        zone=zone,
        span=when(report),
        trouble=trouble(report),
        whole=whole,
        known=whole.unknown < whole.sessions,
        cost=cost(report),
        why=why_read,
        reason=reason,
        size=size,
        folded=folded,
        links=[*links(report)],
        **charts(report),
    )


@lru_cache(maxsize=1)
def compiled(template: str) -> Template:
    # every text is data: it is escaped, and a name that is missing is an error, not an empty word
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template)


def links(report: Report) -> Iterator[tuple[str, str, int | str]]:
    apart, some = report.apart, " " if report.sessions else ""
    yield from (
        ("held", "Held", len(apart.of("held"))),
        ("unproved", "Unproved", len(apart.of("unproved"))),
    )
    yield from (
        ("landed", "Landed", len(apart.of("landed"))),
        ("rejected", "Rejected", len(apart.of("rejected"))),
    )
    yield from (("time", "The night", some), ("cost", "Cost", some))
    yield from (("findings", "Findings", len(report.findings)), ("raw", "Raw files", " "))


def inline(picture: tuple[str, str, bytes]) -> tuple[str, str]:
    name, kind, data = picture
    return plain(name, 80), f"data:{kind};base64,{b64encode(data).decode()}"


def shortened(diffs: Mapping[str, str]) -> dict[str, str]:
    """Differences that fit on the page: each line, each difference and all of them have a limit."""
    found, left = {}, DIFFS
    # the first ones have the room: they are what the person is asked about
    for name, text in diffs.items():
        lines = text.splitlines()
        shown = "\n".join(plain(part, DIFF_WIDTH) for part in lines[:DIFF_LINES])[: max(left, 0)]
        left -= len(shown)
        rest = f"\n... {len(lines)} lines in all" if len(lines) > DIFF_LINES or not left else ""
        found[name] = shown + rest
    return found


def charts(report: Report) -> dict[str, object]:
    """Return what the charts and their tables show, in percent of their width."""
    recent = report.sessions[-TABLE:]
    start = recent[0].began if recent else EPOCH
    scale = Scale(start, max((one.ended for one in recent), default=EPOCH))
    shown = [*dict.fromkeys(one.feature for one in recent)]
    table = [
        (
            one.id,
            f"{one.began:%m-%d %H:%M}",
            "" if one.minutes is None else one.minutes,
            one.feature,
            one.outcome,
            one.rule,
            f"{one.agent} {one.model}".strip(),
            "unknown" if one.usd is None else money(one.usd),
        )
        for one in recent
    ]
    return {
        "ticks": [*scale.ticks()],
        "lanes": [lane(name, recent, scale) for name in shown[-LANES:]],
        "unseen": max(len(shown) - LANES, 0),
        "pauses": [scale.bar(*wait[:2]) for wait in report.waits if wait[0] >= start],
        "table": table,
        "waits": [
            (moment(since), moment(until), why) for since, until, why in report.waits[-TABLE:]
        ],
        "older": [*by_day(report.sessions[:-TABLE])],
        "older_count": max(len(report.sessions) - TABLE, 0),
        **burnup(report),
        **costs(report),
        "agents": [
            (
                each.name,
                each.model,
                each.sessions,
                each.landed,
                each.refused,
                each.stopped,
                spent(each),
            )
            for each in report.agents
        ],
    }


@dataclass(frozen=True, slots=True)
class Scale:
    """Moments as percent of the time between two of them."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        # a run of seconds is drawn as a minute: nothing is divided by zero
        return max((self.end - self.start).total_seconds(), 60.0)

    def at(self, moment: datetime) -> float:
        return round(
            100 * min(max((moment - self.start).total_seconds() / self.seconds, 0.0), 1.0), 2
        )

    def bar(self, since: datetime, until: datetime) -> tuple[float, float]:
        left = min(self.at(since), 100 - PIXEL)
        return left, round(max(self.at(until) - left, PIXEL), 2)

    def ticks(self) -> Iterator[tuple[float, str]]:
        for quarter in range(4):
            yield (
                quarter * 25.0,
                f"{self.start + timedelta(seconds=quarter * self.seconds / 4):%H:%M}",
            )


def lane(feature: str, sessions: Sequence[SessionReport], scale: Scale) -> dict[str, object]:
    own = [one for one in sessions if one.feature == feature]
    told = [
        f"{one.began:%H:%M} to {one.ended:%H:%M} {one.outcome}{f' {one.rule}' if one.rule else ''}"
        for one in own
    ]
    bars = [
        (*scale.bar(one.began, one.ended), one.outcome, says)
        for one, says in zip(own, told, strict=True)
    ]
    return {"feature": feature, "title": own[0].title, "says": "; ".join(told), "bars": bars}


def by_day(sessions: Sequence[SessionReport]) -> Iterator[tuple[object, ...]]:
    days: dict[date, list[SessionReport]] = {}
    for one in sessions:
        days.setdefault(one.ended.date(), []).append(one)
    for day, own in [*days.items()][-TABLE:]:
        lands, refused = (
            sum(one.outcome in words for one in own) for words in (LANDS, ("rejected",))
        )
        yield f"{day}", len(own), lands, refused, money(sum(one.usd or 0.0 for one in own))


def burnup(report: Report) -> dict[str, object]:
    """Return a stair of at most a hundred steps, between the lowest and the highest count."""
    changes = report.passing.burnup
    every = max(len(changes) // TABLE, 1)
    steps = [*changes[::every], *changes[-1:]]
    start = report.run.start or EPOCH
    scale = Scale(start, report.run.end or start)
    counts = [count for _, count in steps] or [0]
    # a night on which nothing moved is a flat line, not a division by zero
    low, high = min(counts), max(*counts, min(counts) + 1)

    def height(count: int) -> float:
        return round(20 + HEIGHT * (high - count) / (high - low) * 0.85, 1)

    points = [(scale.at(at), height(count)) for at, count in steps]
    # the last count holds until the end of the run
    points += [(100.0, y) for _, y in points[-1:]]
    curve: list[tuple[float, float, float, float]] = []
    for (x1, y1), (x2, y2) in pairwise(points):
        curve += [(x1, y1, x2, y1), (x2, y1, x2, y2)]
    return {
        "levels": [(height(count), count) for count in sorted({low, high})],
        "curve": curve,
        "burn_table": [(f"{at:%Y-%m-%d %H:%M}", count) for at, count in steps],
    }


def costs(report: Report) -> dict[str, object]:
    """Bars in dollars, or in minutes where no cost was reported."""
    features = report.features
    told, shown = any(each.usd for each in features), features[:LANES]
    most = max((each.usd if told else each.minutes for each in shown), default=0) or 1
    bars = []
    for each in shown:
        share = each.lost / each.usd if each.usd else 0.0 if each.landed else 1.0
        width = round(100 * (each.usd if told else each.minutes) / most, 1)
        says = f"{spent(each)}, {each.sessions} session{'s' * (each.sessions != 1)}"
        good, lost = round(width * (1 - share), 1), round(width * share, 1)
        bars.append(
            {
                "name": each.name,
                "label": says,
                "says": f"{says}, {each.minutes} min",
                "good": good,
                "lost": lost,
            }
        )
    lines = [
        (
            each.name,
            each.sessions,
            each.landed,
            each.refused,
            each.stopped,
            each.minutes,
            spent(each),
            money(each.lost),
        )
        for each in features[:TABLE]
    ]
    return {"bars": bars, "cost_table": lines}
