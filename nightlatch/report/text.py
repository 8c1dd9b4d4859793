"""The report in plain forms: for the terminal, for the end of progress.txt, as Markdown for a
job summary, and as JSON."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby

from nightlatch.model.models import LANDS
from nightlatch.record.findings.retrieval import quoted
from nightlatch.record.progress import END_LINES, LIST_PRICE, RunEnd, RunFeatures, line
from nightlatch.report.model import PendingDecision, Report, SessionReport, Totals, size

ROWS = {"DECIDE": 3, "LANDED": 6, "REJECT": 4}
MOST_MARKDOWN = 60_000
MOST_LINES = 40
LEFT = {"held": "HELD", "advanced": "CARRIED", "interrupted": "CUT OFF", "failed": "FAILED"}


def text(report: Report) -> Iterator[str]:
    """The lines for a terminal: 24 of them hold a normal night."""
    yield ", ".join(filter(None, (report.project, span(report))))
    yield ""
    yield " ".join(report.verdict)
    yield from (f"  {word:<4} {said}" for word, said in state(report))
    yield f"  --   {numbers(report)}"
    if report.fix:
        yield f"FIX     {report.fix}"
    for each in report.decide[: ROWS["DECIDE"]]:
        yield f"DECIDE  {each.name} {each.title}   ({behind(each)})"
        yield f"        {each.by}: {line(each.question, 500)}"
        yield f"        {either(each)}"
    yield from more(len(report.decide) - ROWS["DECIDE"], f"{report.program} status")
    yield from (
        f"DECIDED {line(f'{each.feature} {each.title}', 60)}   {each.verb}: {each.state}"
        for each in report.decided
    )
    yield from rows(
        "LANDED", (*report.of("unproved"), *report.landed), landing, f"{report.program} log -n 0"
    )
    yield from rows(
        "REJECT", folded(report.apart.of("rejected")), refusal, f"{report.program} log -n 0"
    )
    for word, name in LEFT.items():
        if found := report.apart.of(word):
            yield f"{name:<7} {line('; '.join(counted(found)), 120)}"
    if report.findings:
        yield f"FOUND   {', '.join(f'{each.state} {each.id}' for each in report.findings[:5])}" + (
            f" and {len(report.findings) - 5} more" if len(report.findings) > 5 else ""
        )
    yield from (f"NEXT    {says}   {command}" for says, command in report.next)
    yield from (f"        {said}" for said in report.missing)


def rows(
    head: str, sessions: Sequence[SessionReport], how: Callable[[SessionReport], str], command: str
) -> Iterator[str]:
    most = ROWS[head]
    shown = sessions if len(sessions) <= most else sessions[: most - 1]
    yield from (f"{head if n == 0 else '':<7} {how(one)}" for n, one in enumerate(shown))
    yield from more(len(sessions) - len(shown), command)


def more(left: int, command: str) -> Iterator[str]:
    if left > 0:
        yield f"        and {left} more: {command}"


def behind(each: PendingDecision) -> str:
    held = f"holds up {line(', '.join(each.holds_up), 60)}" if each.holds_up else ""
    tries = f"{each.sessions} session{'s' * (each.sessions != 1)}" if each.sessions else ""
    return "; ".join(
        filter(
            None,
            (held, ", ".join(filter(None, (tries, "" if each.usd is None else money(each.usd))))),
        )
    )


def landing(one: SessionReport) -> str:
    came, went, *_ = one.lines
    size = f"+{came} -{went}" if one.changes is not None else ""
    flags = "; ".join(risk.says for risk in one.risks[:2])
    note = "; ".join(filter(None, ("unproved" if one.outcome == "unproved" else "", flags)))
    mark = f"! {line(note, 60)}" if note else ""
    begin = f"{one.commit[:7] or '-':<7} {one.feature} {line(one.title, 44):<44}"
    return f"{begin} {size:>10}  {mark}".rstrip()


def refusal(one: SessionReport) -> str:
    tries = f"try {one.tries}" if one.tries else ""
    cost = "" if one.usd is None else money(one.usd)
    begin = f"{one.feature} {tries:<6} {one.rule:<22} {line(reason(one), 50):<50}"
    return f"{begin} {cost:>6}  {one.then}".rstrip()


def reason(one: SessionReport) -> str:
    """The loop's first sentence on a session."""
    return next(
        (said for said in one.said if not said.startswith(("next: ", "findings: ", LIST_PRICE))), ""
    )


def same(one: SessionReport, other: SessionReport) -> bool:
    return (one.feature, one.outcome, one.rule, reason(one)) == (
        other.feature,
        other.outcome,
        other.rule,
        reason(other),
    )


def folded(sessions: Sequence[SessionReport]) -> tuple[SessionReport, ...]:
    """The sessions with those that ended alike, one after the other, as one that says how many
    they were."""
    found: list[SessionReport] = []
    for _, group in groupby(
        sessions, key=lambda one: (one.feature, one.outcome, one.rule, reason(one))
    ):
        *before, last = group
        costs = [one.usd for one in (*before, last) if one.usd is not None]
        said = (
            f"{len(before) + 1} times: {reason(last) or last.rule}",
            *(said for said in last.said if said != reason(last)),
        )
        found.append(
            replace(last, usd=sum(costs) if costs else None, said=said) if before else last
        )
    return tuple(found)


def brief(one: SessionReport) -> str:
    """The same in its first words."""
    return line((reason(one) or one.rule or one.outcome).partition(":")[0], 60)


def trouble(report: Report) -> str:
    """What hung, failed, was cut off or waited, in words."""
    waits = (f"{why} {since:%H:%M} to {until:%H:%M}" for since, until, why in report.waits[:2])
    return "; ".join((*counted(report.apart.of("interrupted", "failed"))[:4], *waits))


def counted(sessions: Iterable[SessionReport]) -> list[str]:
    """Each feature with what its sessions came to, equal ones once."""
    found = Counter(f"{one.feature} {brief(one)}" for one in sessions)
    return [f"{what} x{n}" if n > 1 else what for what, n in found.items()]


def span(report: Report) -> str:
    """Which run, when, and how long."""
    runs = f"run {report.runs[-1]}" if len(report.runs) == 1 else f"{len(report.runs)} runs"
    return f"{runs}, {when(report)}" if report.start else ""


def when(report: Report) -> str:
    """When, and how long."""
    if not report.start:
        return ""
    if not report.end:
        return f"from {moment(report.start)} {report.start:%Z}"
    last = f"{report.end:%H:%M}" if report.end.date() == report.start.date() else moment(report.end)
    return f"{moment(report.start)} to {last} {report.end:%Z} ({took(report.start, report.end)})"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def took(start: datetime, end: datetime) -> str:
    minutes = max(round((end - start).total_seconds() / 60), 0)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def money(usd: float) -> str:
    return f"${usd:.2f}"


def state(report: Report) -> Iterator[tuple[str, str]]:
    """The three lines: how the branch is, why it stopped, what is not pushed."""
    tests = report.tests or "its test results are unknown here"
    good = "ok" if tests.startswith("green") else "FAIL" if tests.startswith("red") else "--"
    yield good, f"{report.branch} is {tests}" if good != "--" else f"{report.branch}: {tests}"
    if report.stop:
        yield "FAIL" if report.kind in ("fault", "red", "error") else "--", stopped(report)
    yield "--", pushed(report.unpushed)


def stopped(report: Report) -> str:
    """When the run stopped, and why; what waits for the person is told as decisions."""
    at = f" {report.end:%H:%M %Z}" if report.end and report.kind not in ("going", "cut off") else ""
    waits = report.kind == "needs you" and bool(report.decide or report.decided)
    return f"stopped{at}: {line(report.stop.partition(': ')[0] if waits else report.stop, 140)}"


def pushed(count: int | None) -> str:
    if count is None:
        return "not pushed"
    return f"{count} commit{'s' * (count != 1)} not pushed" if count else "all pushed"


def numbers(report: Report) -> str:
    return f"{report.before} -> {report.passing} of {report.total} pass   {cost(report)}"


def spent(whole: Totals, usd: float | None = None) -> str:
    """Dollars, "unknown" where no session told any."""
    return (
        "unknown"
        if whole.sessions and whole.unknown == whole.sessions
        else money(whole.usd if usd is None else usd)
    )


def cost(report: Report) -> str:
    """What was spent and what of it did not land, as far as the agents told."""
    whole, budget = report.whole, report.budget
    if whole.unknown == whole.sessions:
        return "cost unknown: not reported" if whole.sessions else "nothing was spent"
    unreported = f"; {whole.unknown} of {whole.sessions} sessions reported no cost"
    some = unreported if whole.unknown else ""
    some += (
        f"; a subscription paid for the list price of {money(report.list_price)}"
        if report.list_price
        else ""
    )
    return (
        f"{money(whole.usd)}{f' of {budget}' if budget else ''}, {money(whole.lost)} of it did not"
        f" land{some}"
    )


def end_block(report: Report, run: str, *, code: int, at: datetime) -> RunEnd:
    """The block that closes a run: the same answer in eight lines at most, so that `tail -8`
    shows it all."""
    words = ("landed", "unproved", "rejected", "held", "blocked")
    counts = ((word, str(len(report.of(word)))) for word in words)
    whole, listed = (
        report.whole,
        (("list-price", money(report.list_price)),) if report.list_price else (),
    )
    fields = (
        ("parent", report.tip[:7]),
        ("passing", f"{report.passing}/{report.total}"),
        *counts,
        ("cost", spent(whole)),
        ("not-landed", spent(whole, whole.lost)),
        *listed,
        ("exit", str(code)),
        ("at", f"{at:%Y-%m-%dT%H:%MZ}"),
    )
    read = line(
        "; ".join(
            f"{one.feature} {one.commit[:7]} ({why_read(one)})" for one in report.apart.read[:3]
        )
    )
    tail = [f"read    {read}"] if read else []
    tail += [f"next    {line(says)}" for says, _ in report.next[:1]]
    away = (
        ""
        if report.unpushed is None
        else f"{report.unpushed} commits not pushed"
        if report.unpushed
        else "all pushed"
    )
    fix = f"; fix: {report.fix}" if report.fix else ""
    wanted = _decisions(report, END_LINES - 3 - len(tail))
    branch = "; ".join(filter(None, (report.tests or "its tests were not run", away)))
    return RunEnd(
        run=run,
        fields=fields,
        details=(f"stop    {line(report.stop + fix)}", f"branch  {line(branch)}", *wanted, *tail),
    )


def night(report: Report, run: str) -> tuple[RunFeatures, ...]:
    """What the run came to, for above the block that closes it: a line for each feature, what
    landed with its commit."""
    if not report.sessions:
        return ()
    by_feature: dict[str, list[SessionReport]] = {}
    for one in report.sessions:
        by_feature.setdefault(one.feature, []).append(one)
    lines = [line(came_to(own)) for own in by_feature.values()]
    rest = (
        (f"and {len(lines) - MOST_LINES} more: {report.program} log -n 0",)
        if len(lines) > MOST_LINES
        else ()
    )
    return (RunFeatures(run=run, details=(*lines[:MOST_LINES], *rest)),)


def came_to(own: Sequence[SessionReport]) -> str:
    """What the sessions on one feature came to, in one line: what landed as which commit with
    how many lines, or why nothing did."""
    last = own[-1]
    if last.outcome in LANDS:
        proved = last.outcome == "landed"
        as_commit = f"landed{'' if proved else ' unproved'} as {last.commit[:7]}"
        told, before = (
            ", ".join(filter(None, (as_commit, size(last.changes) if proved else reason(last)))),
            own[:-1],
        )
    else:
        *_, end = folded(own)
        told, before = (
            f"{last.outcome}: {reason(end) or last.rule}",
            [one for one in own if not same(one, last)],
        )
    past = Counter(brief(one) for one in before)
    earlier = ", ".join(f"{what} ({n} times)" if n > 1 else what for what, n in past.items())
    return f"{last.feature} {last.title}: {told}{f'; before that: {earlier}' if earlier else ''}"


def why_read(one: SessionReport) -> str:
    return one.risks[0].says if one.risks else "unproved"


def either(each: PendingDecision) -> str:
    """The command that answers a decision, and the one for the opposite answer where there is
    one."""
    return f"{each.command}   or   {each.other}" if each.other else each.command


def _decisions(report: Report, room: int) -> tuple[str, ...]:
    """One line per decision, as many as there is room for."""
    lines = [
        f"DECIDE  {each.name} {line(each.says, 120)}   {either(each)}" for each in report.decide
    ]
    if len(lines) <= room:
        return tuple(lines)
    return (
        *lines[: room - 1],
        f"        and {len(lines) - room + 1} more: {report.program} status",
    )


def iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None


def markdown(report: Report) -> str:
    """A job summary: what is too long is left out by whole sections, for a summary that is too
    long is dropped whole."""
    left, shown = MOST_MARKDOWN, []
    for section in filter(None, _sections(report)):
        size = len(section.encode())
        if size > left:
            shown.append(f"The rest is left out: `{report.program} report`\n")
            break
        left -= size
        shown.append(section)
    return "\n".join(shown)


def _sections(report: Report) -> Iterator[str]:
    yield f"## {' '.join(report.verdict)}\n"
    yield table("", ("", "the night"), _standing(report))
    if report.fix:
        yield f"### Fix first\n\n{fenced([report.fix])}"
    if report.decide:
        yield f"### You decide ({len(report.decide)})\n"
    for each in report.decide[:20]:
        yield _card(each)
    yield "".join(
        f"- {quoted(f'{each.feature} {each.title}')} {each.verb}: {each.state}\n"
        for each in report.decided
    )
    yield from _stories(report.apart)
    yield table(
        "### Findings",
        ("id", "state", "claim", "next"),
        (
            (quoted(each.id), each.state, quoted(each.claim), quoted(each.next or "-"))
            for each in report.findings
        ),
    )
    yield table(
        "### Agents",
        ("agent", "model", "sessions", "landed", "refused", "stopped early", "cost"),
        (
            (
                quoted(each.name),
                quoted(each.model or "-"),
                each.sessions,
                each.landed,
                each.refused,
                each.stopped,
                spent(each),
            )
            for each in report.agents
        ),
    )
    yield "".join(f"- {said}\n" for said in report.missing)


def _stories(asked: Report) -> Iterator[str]:
    """What landed and what did not, one table each."""
    yield table(
        "### Landed, riskiest first",
        ("feature", "commit", "lines", "read it because", "proof"),
        (
            (
                quoted(f"{one.feature} {one.title}"),
                quoted(one.commit[:9]),
                "+{} -{}".format(*one.lines[:2]),
                quoted("; ".join(risk.says for risk in one.risks) or "-"),
                quoted("; ".join(one.proof) or "-"),
            )
            for one in asked.landed
        ),
    )
    yield table(
        "### Landed unproved",
        ("feature", "commit", "lines", "why"),
        (
            (
                quoted(f"{one.feature} {one.title}"),
                quoted(one.commit[:9]),
                "+{} -{}".format(*one.lines[:2]),
                quoted(reason(one) or "-"),
            )
            for one in asked.of("unproved")
        ),
    )
    yield table(
        "### Not landed",
        ("feature", "outcome", "why", "what happened next"),
        (
            (
                quoted(f"{one.feature} {one.title}"),
                one.outcome,
                quoted(reason(one) or one.rule or "-"),
                quoted(one.then or "-"),
            )
            for one in folded([one for one in asked.sessions if one.outcome not in LANDS])
        ),
    )


def _standing(report: Report) -> Iterator[tuple[str, str]]:
    """The night in a few rows: how the branch is, what passes, what it cost, why it stopped,
    and what is next."""
    signs = {"ok": "✅ ", "FAIL": "❌ ", "--": ""}
    (word, tests), *_ = state(report)
    yield "branch", f"{signs[word]}{quoted(tests)}"
    yield "features", f"{report.before} → {report.passing} of {report.total} pass"
    yield "cost", quoted(cost(report))
    if report.stop:
        yield "stopped", quoted(stopped(report).removeprefix("stopped").lstrip(": "))
    yield "pushed", pushed(report.unpushed)
    for says, command in report.next:
        yield "next", f"{quoted(says)}: {quoted(command)}"
    yield "run", quoted(", ".join(filter(None, (report.project, span(report)))))


def _card(each: PendingDecision) -> str:
    """One decision: what it is about, whose words, and each answer with its command."""
    about = f" ({quoted(behind(each))})" if behind(each) else ""
    asked = f"{each.by}: {quoted(each.question, 500)}\n\n" if each.question else ""
    title = quoted(f"{each.feature} {each.title}")
    commands = fenced([*filter(None, (each.command, each.other))])
    return f"**{title}**{about}\n\n{asked}{commands}"


def table(head: str, names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table of at most 100 rows, "" for none; a bar in a cell does not end it."""
    shown = [
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
        for cells in lines
    ]
    if not shown:
        return ""
    rest = f"\nand {len(shown) - 100} more\n" if len(shown) > 100 else ""
    return "\n".join(
        (
            *((head, "") if head else ()),
            f"| {' | '.join(names)} |",
            "|---" * len(names) + "|",
            *shown[:100],
            rest,
        )
    )


def fenced(commands: Sequence[str]) -> str:
    """Commands as an indented block, in which nothing is markup."""
    return "".join(f"    {command}\n" for command in commands)
