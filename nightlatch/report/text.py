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

ROWS = {"DECIDE": 3, "LANDED": 6, "REJECT": 4}  # with the rest they fill 24 lines
MOST_MARKDOWN = 60_000  # characters; a job summary of GitHub may have a megabyte, and is a page
MOST_LINES = 40  # above the end of a run in progress.txt, which `tail` is to show
LEFT = {"held": "HELD", "advanced": "CARRIED", "interrupted": "CUT OFF", "failed": "FAILED"}


def text(report: Report) -> Iterator[str]:
    """Yield the lines for a terminal: 24 of them hold a normal night."""
    yield ", ".join(filter(None, (report.project, span(report))))
    yield ""
    yield " ".join(report.verdict)
    yield from (f"  {word:<4} {said}" for word, said in state(report))
    yield f"  --   {numbers(report)}"
    if report.run.fix:
        yield f"FIX     {report.run.fix}"
    yield from _decision_lines(report)
    yield from _session_lines(report)
    if report.findings:
        shown = ", ".join(f"{each.state} {each.id}" for each in report.findings[:5])
        rest = len(report.findings) - 5
        yield f"FOUND   {shown}" + (f" and {rest} more" if rest > 0 else "")
    yield from (f"NEXT    {says}   {command}" for says, command in report.asks.next)
    yield from (f"        {sentence}" for sentence in report.missing)


def _decision_lines(report: Report) -> Iterator[str]:
    """Yield what waits for the person, and what the person has decided."""
    pending = report.asks.pending
    for each in pending[: ROWS["DECIDE"]]:
        yield f"DECIDE  {each.name} {each.title}   ({behind(each)})"
        yield f"        {each.question.by}: {line(each.question.text, 500)}"
        yield f"        {either(each)}"
    yield from more(len(pending) - ROWS["DECIDE"], f"{report.program} status")
    for done in report.asks.decided:
        yield f"DECIDED {line(f'{done.feature} {done.title}', 60)}   {done.verb}: {done.state}"


def _session_lines(report: Report) -> Iterator[str]:
    """Yield what landed and what did not; sessions that a decision is about stand there."""
    everything, apart = f"{report.program} log -n 0", report.apart
    landed = (*report.of("unproved"), *report.landed)
    yield from rows("LANDED", landed, landing, everything)
    yield from rows("REJECT", folded(apart.of("rejected")), refusal, everything)
    for word, name in LEFT.items():
        if sessions := apart.of(word):
            yield f"{name:<7} {line('; '.join(counted(sessions)), 120)}"


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
    count, usd = each.work.sessions, each.work.usd
    tries = f"{count} session{'s' * (count != 1)}" if count else ""
    return "; ".join(
        filter(
            None,
            (held, ", ".join(filter(None, (tries, "" if usd is None else money(usd))))),
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
    """Return the loop's first sentence on a session."""
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
    """Return the sessions with those that ended alike, one after the other, as one that says how
    many they were."""
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
    """Return the same in its first words."""
    return line((reason(one) or one.rule or one.outcome).partition(":")[0], 60)


def trouble(report: Report) -> str:
    """Return what hung, failed, was cut off or waited, in words."""
    waits = (f"{why} {since:%H:%M} to {until:%H:%M}" for since, until, why in report.waits[:2])
    return "; ".join((*counted(report.apart.of("interrupted", "failed"))[:4], *waits))


def counted(sessions: Iterable[SessionReport]) -> list[str]:
    """Return each feature with what its sessions came to, equal ones once."""
    found = Counter(f"{one.feature} {brief(one)}" for one in sessions)
    return [f"{what} x{n}" if n > 1 else what for what, n in found.items()]


def span(report: Report) -> str:
    """Return which run, when, and how long."""
    names = report.run.names
    runs = f"run {names[-1]}" if len(names) == 1 else f"{len(names)} runs"
    return f"{runs}, {when(report)}" if report.run.start else ""


def when(report: Report) -> str:
    """Return when the runs were, and how long they took; "" where nothing ran."""
    start, end = report.run.start, report.run.end
    if not start:
        return ""
    if not end:
        return f"from {moment(start)} {start:%Z}"
    last = f"{end:%H:%M}" if end.date() == start.date() else moment(end)
    return f"{moment(start)} to {last} {end:%Z} ({took(start, end)})"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def took(start: datetime, end: datetime) -> str:
    minutes = max(round((end - start).total_seconds() / 60), 0)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def money(usd: float) -> str:
    return f"${usd:.2f}"


def state(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the three lines: how the branch is, why it stopped, what is not pushed."""
    tests = report.branch.tests or "its test results are unknown here"
    good = "ok" if tests.startswith("green") else "FAIL" if tests.startswith("red") else "--"
    yield (
        good,
        f"{report.branch.name} is {tests}" if good != "--" else f"{report.branch.name}: {tests}",
    )
    if report.run.stop:
        yield "FAIL" if report.run.kind in ("fault", "red", "error") else "--", stopped(report)
    yield "--", pushed(report.branch.unpushed)


def stopped(report: Report) -> str:
    """Return when the run stopped, and why; what waits for the person is told as decisions."""
    at = (
        f" {report.run.end:%H:%M %Z}"
        if report.run.end and report.run.kind not in ("going", "cut off")
        else ""
    )
    waits = report.run.kind == "needs you" and bool(report.asks.pending or report.asks.decided)
    why = report.run.stop.partition(": ")[0] if waits else report.run.stop
    return f"stopped{at}: {line(why, 140)}"


def pushed(count: int | None) -> str:
    # None: the branch has no remote counterpart
    if count is None:
        return "not pushed"
    return f"{count} commit{'s' * (count != 1)} not pushed" if count else "all pushed"


def numbers(report: Report) -> str:
    passing = report.passing
    return f"{passing.before} -> {passing.now} of {passing.total} pass   {cost(report)}"


def spent(whole: Totals, usd: float | None = None) -> str:
    """Dollars, "unknown" where no session told any."""
    return (
        "unknown"
        if whole.sessions and whole.unknown == whole.sessions
        else money(whole.usd if usd is None else usd)
    )


def cost(report: Report) -> str:
    """Return what was spent and what of it did not land, as far as the agents told."""
    whole, budget = report.totals, report.run.budget
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
    """Return the block that closes a run: the same answer in eight lines at most, so that `tail -8`
    shows it all."""
    words = ("landed", "unproved", "rejected", "held", "blocked")
    counts = ((word, str(len(report.of(word)))) for word in words)
    totals = report.totals
    listed = (("list-price", money(report.list_price)),) if report.list_price else ()
    fields = (
        ("parent", report.branch.tip[:7]),
        ("passing", f"{report.passing.now}/{report.passing.total}"),
        *counts,
        ("cost", spent(totals)),
        ("not-landed", spent(totals, totals.lost)),
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
    tail += [f"next    {line(says)}" for says, _ in report.asks.next[:1]]
    unpushed = report.branch.unpushed
    away = f"{unpushed} commits not pushed" if unpushed else "all pushed"
    # None: the branch has no place to be pushed to, so there is nothing to say of it
    away = "" if unpushed is None else away
    fix = f"; fix: {report.run.fix}" if report.run.fix else ""
    wanted = _decisions(report, END_LINES - 3 - len(tail))
    branch = "; ".join(filter(None, (report.branch.tests or "its tests were not run", away)))
    return RunEnd(
        run=run,
        fields=fields,
        details=(
            f"stop    {line(report.run.stop + fix)}",
            f"branch  {line(branch)}",
            *wanted,
            *tail,
        ),
    )


def night(report: Report, run: str) -> tuple[RunFeatures, ...]:
    """Return what the run came to, for above the block that closes it: a line for each feature,
    what landed with its commit."""
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
    """Return what the sessions on one feature came to, in one line: what landed as which commit
    with how many lines, or why nothing did."""
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
    """Return the command that answers a decision, and the one for the opposite answer where there
    is one."""
    answers = each.answers
    return f"{answers.command}   or   {answers.other}" if answers.other else answers.command


def _decisions(report: Report, room: int) -> tuple[str, ...]:
    """Return one line per decision, as many as there is room for."""
    lines = [
        f"DECIDE  {each.name} {line(each.question.says, 120)}   {either(each)}"
        for each in report.asks.pending
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
    """Return a job summary: what is too long is left out by whole sections, for a summary that is
    too long is dropped whole."""
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
    if report.run.fix:
        yield f"### Fix first\n\n{fenced([report.run.fix])}"
    if report.asks.pending:
        yield f"### You decide ({len(report.asks.pending)})\n"
    for each in report.asks.pending[:20]:
        yield _card(each)
    yield "".join(
        f"- {quoted(f'{each.feature} {each.title}')} {each.verb}: {each.state}\n"
        for each in report.asks.decided
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
    """Yield what landed and what did not, one table each."""
    yield table(
        "### Landed, riskiest first",
        ("feature", "commit", "lines", "read it because", "proof"),
        map(_landed_cells, asked.landed),
    )
    yield table(
        "### Landed unproved",
        ("feature", "commit", "lines", "why"),
        ((*_commit_cells(one), quoted(reason(one) or "-")) for one in asked.of("unproved")),
    )
    yield table(
        "### Not landed",
        ("feature", "outcome", "why", "what happened next"),
        map(_left_cells, folded([one for one in asked.sessions if one.outcome not in LANDS])),
    )


def _commit_cells(session: SessionReport) -> tuple[str, str, str]:
    added, removed, *_ = session.lines
    title = quoted(f"{session.feature} {session.title}")
    return title, quoted(session.commit[:9]), f"+{added} -{removed}"


def _landed_cells(session: SessionReport) -> tuple[str, ...]:
    risks = "; ".join(risk.says for risk in session.risks)
    return (*_commit_cells(session), quoted(risks or "-"), quoted("; ".join(session.proof) or "-"))


def _left_cells(session: SessionReport) -> tuple[str, ...]:
    title = quoted(f"{session.feature} {session.title}")
    why = quoted(reason(session) or session.rule or "-")
    return title, session.outcome, why, quoted(session.then or "-")


def _standing(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the night in a few rows: how the branch is, what passes, what it cost, why it stopped,
    and what is next."""
    signs = {"ok": "✅ ", "FAIL": "❌ ", "--": ""}
    (word, tests), *_ = state(report)
    yield "branch", f"{signs[word]}{quoted(tests)}"
    yield (
        "features",
        f"{report.passing.before} → {report.passing.now} of {report.passing.total} pass",
    )
    yield "cost", quoted(cost(report))
    if report.run.stop:
        yield "stopped", quoted(stopped(report).removeprefix("stopped").lstrip(": "))
    yield "pushed", pushed(report.branch.unpushed)
    for says, command in report.asks.next:
        yield "next", f"{quoted(says)}: {quoted(command)}"
    yield "run", quoted(", ".join(filter(None, (report.project, span(report)))))


def _card(each: PendingDecision) -> str:
    """Return one decision: what it is about, whose words, and each answer with its command."""
    about = f" ({quoted(behind(each))})" if behind(each) else ""
    question = each.question
    asked = f"{question.by}: {quoted(question.text, 500)}\n\n" if question.text else ""
    title = quoted(f"{each.feature} {each.title}")
    commands = fenced([*filter(None, (each.answers.command, each.answers.other))])
    return f"**{title}**{about}\n\n{asked}{commands}"


def table(head: str, names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table of at most 100 rows, "" for none; a bar in a cell does not end it."""
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
