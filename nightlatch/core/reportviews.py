"""The report in plain forms: for the terminal, for the end of progress.txt, as Markdown for a job summary, and as JSON."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from nightlatch.core.models import LANDS
from nightlatch.core.progress import END_LINES, LIST_PRICE, RunEnd, line
from nightlatch.core.recall import quoted
from nightlatch.core.reportvalues import Decide, Report, Session, Tally

ROWS = {"DECIDE": 3, "LANDED": 6, "REJECT": 4}
MOST_MARKDOWN = 60_000
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
    yield from rows("LANDED", (*report.of("unproved"), *report.landed), landing, f"{report.program} log -n 0")
    yield from rows("REJECT", report.of("rejected"), refusal, f"{report.program} log -n 0")
    for word, name in LEFT.items():
        if found := report.of(word):
            named = Counter(f"{one.feature} {line(one.rule or reason(one), 40)}" for one in found)
            yield f"{name:<7} {line('; '.join(f'{what} x{n}' if n > 1 else what for what, n in named.items()), 120)}"
    if report.findings:
        yield f"FOUND   {', '.join(f'{each.state} {each.id}' for each in report.findings[:5])}" + (
            f" and {len(report.findings) - 5} more" if len(report.findings) > 5 else ""
        )
    yield from (f"NEXT    {says}   {command}" for says, command in report.next)
    yield from (f"        {said}" for said in report.missing)


def rows(head: str, sessions: Sequence[Session], how: Callable[[Session], str], command: str) -> Iterator[str]:
    most = ROWS[head]
    shown = sessions if len(sessions) <= most else sessions[: most - 1]
    yield from (f"{head if n == 0 else '':<7} {how(one)}" for n, one in enumerate(shown))
    yield from more(len(sessions) - len(shown), command)


def more(left: int, command: str) -> Iterator[str]:
    if left > 0:
        yield f"        and {left} more: {command}"


def behind(each: Decide) -> str:
    held = f"holds up {line(', '.join(each.holds_up), 60)}" if each.holds_up else ""
    tries = f"{each.sessions} session{'s' * (each.sessions != 1)}" if each.sessions else ""
    return "; ".join(filter(None, (held, ", ".join(filter(None, (tries, "" if each.usd is None else money(each.usd)))))))


def landing(one: Session) -> str:
    came, went, *_ = one.lines
    size = f"+{came} -{went}" if one.changes is not None else ""
    flags = "; ".join(risk.says for risk in one.risks[:2])
    note = "; ".join(filter(None, ("unproved" if one.outcome == "unproved" else "", flags)))
    mark = f"! {line(note, 60)}" if note else ""
    return f"{one.commit[:7] or '-':<7} {one.feature} {line(one.title, 44):<44} {size:>10}  {mark}".rstrip()


def refusal(one: Session) -> str:
    tries = f"try {one.tries}" if one.tries else ""
    cost = "" if one.usd is None else money(one.usd)
    return f"{one.feature} {tries:<6} {one.rule:<22} {line(reason(one), 50):<50} {cost:>6}  {one.then}".rstrip()


def reason(one: Session) -> str:
    """The loop's first sentence on a session."""
    return next((said for said in one.said if not said.startswith(("next: ", "findings: ", LIST_PRICE))), "")


def span(report: Report) -> str:
    """When, and how long."""
    if not report.start:
        return ""
    runs = f"run {report.runs[-1]}" if len(report.runs) == 1 else f"{len(report.runs)} runs"
    if not report.end:
        return f"{runs}, from {moment(report.start)} UTC"
    last = f"{report.end:%H:%M}" if report.end.date() == report.start.date() else moment(report.end)
    return f"{runs}, {moment(report.start)} to {last} UTC ({took(report.start, report.end)})"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def took(start: datetime, end: datetime) -> str:
    minutes = max(round((end - start).total_seconds() / 60), 0)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def money(usd: float) -> str:
    return f"${usd:.2f}"


def state(report: Report) -> Iterator[tuple[str, str]]:
    """The three lines: how the branch is, why it stopped, what is not pushed."""
    tests = report.tests or "its tests are not known here"
    good = "ok" if tests.startswith("green") else "FAIL" if tests.startswith("red") else "--"
    yield good, f"{report.branch} is {tests}" if good != "--" else f"{report.branch}: {tests}"
    if report.stop:
        at = f" {report.end:%H:%M} UTC" if report.end and report.kind not in ("going", "cut off") else ""
        yield "FAIL" if report.kind in ("fault", "red", "error") else "--", f"stopped{at}: {line(report.stop, 140)}"
    yield "--", pushed(report.unpushed)


def pushed(count: int | None) -> str:
    if count is None:
        return "the branch is pushed nowhere; the loop pushes nothing"
    return f"{count} commit{'s' * (count != 1)} not pushed" if count else "all pushed"


def numbers(report: Report) -> str:
    return f"{report.before} -> {report.passing} of {report.total} pass   {cost(report)}"


def spent(whole: Tally, usd: float | None = None) -> str:
    """Dollars, "unknown" where no session told any."""
    return "unknown" if whole.sessions and whole.unknown == whole.sessions else money(whole.usd if usd is None else usd)


def cost(report: Report) -> str:
    """What was spent and what of it did not land, as far as the agents told."""
    whole, budget = report.whole, report.budget
    if whole.unknown == whole.sessions:
        return "cost unknown: no agent told it" if whole.sessions else "nothing was spent"
    some = f"; {whole.unknown} of {whole.sessions} sessions told no cost" if whole.unknown else ""
    some += f"; a subscription paid for the list price of {money(report.list_price)}" if report.list_price else ""
    return f"{money(whole.usd)}{f' of {budget}' if budget else ''}, {money(whole.lost)} of it did not land{some}"


def end_block(report: Report, run: str, *, code: int, at: datetime) -> RunEnd:
    """The block that closes a run: the same answer in eight lines at most, so that `tail -8` shows it all."""
    words = ("landed", "unproved", "rejected", "held", "blocked")
    counts = ((word, str(len(report.of(word)))) for word in words)
    whole, listed = report.whole, (("list-price", money(report.list_price)),) if report.list_price else ()
    fields = (
        ("parent", report.tip[:7]), ("passing", f"{report.passing}/{report.total}"), *counts, ("cost", spent(whole)),
        ("not-landed", spent(whole, whole.lost)), *listed, ("exit", str(code)), ("at", f"{at:%Y-%m-%dT%H:%MZ}"),
    )  # fmt: skip
    read = line("; ".join(f"{one.feature} {one.commit[:7]} ({why_read(one)})" for one in report.read[:3]))
    tail = [f"read    {read}"] if read else []
    tail += [f"next    {line(says)}" for says, _ in report.next[:1]]
    away = "" if report.unpushed is None else f"{report.unpushed} commits not pushed" if report.unpushed else "all pushed"
    fix = f"; fix: {report.fix}" if report.fix else ""
    wanted = _decisions(report, END_LINES - 3 - len(tail))
    branch = "; ".join(filter(None, (report.tests or "its tests were not run", away)))
    return RunEnd(run=run, fields=fields, details=(f"stop    {line(report.stop + fix)}", f"branch  {line(branch)}", *wanted, *tail))


def why_read(one: Session) -> str:
    return one.risks[0].says if one.risks else "unproved"


def either(each: Decide) -> str:
    """The command that answers a decision, and the one for the opposite answer where there is one."""
    return f"{each.command}   or   {each.other}" if each.other else each.command


def _decisions(report: Report, room: int) -> tuple[str, ...]:
    """One line per decision, as many as there is room for."""
    lines = [f"DECIDE  {each.name} {line(each.says, 120)}   {either(each)}" for each in report.decide]
    if len(lines) <= room:
        return tuple(lines)
    return (*lines[: room - 1], f"        and {len(lines) - room + 1} more: {report.program} status")


def told(report: Report) -> dict[str, object]:
    """The report as documented JSON; keys are only ever added."""
    whole = report.whole
    source = "none" if whole.unknown == whole.sessions else "partly agent-reported" if whole.unknown else "agent-reported"
    body = asdict(report)
    run = {
        "id": report.runs[-1], "runs": report.runs, "start": iso(report.start), "end": iso(report.end), "ended": report.kind,
        "stop": report.stop, "base": report.base, "budget": report.budget or None,
    } if report.runs else None  # fmt: skip
    return {
        "schema": "nightlatch/report/1", "verdict": " ".join(report.verdict), "run": run,
        "branch": {"name": report.branch, "tip": report.tip, "tests": report.tests or None, "unpushed": report.unpushed},
        "features": {"before": report.before, "passing": report.passing, "total": report.total}, "fix": report.fix or None,
        "cost": {"usd": None if source == "none" else round(whole.usd, 2), "source": source, "not_landed": round(whole.lost, 2),
                 "unknown": whole.unknown, **({"list_price": round(report.list_price, 2)} if report.list_price else {})},
        "decide": [decided(each) for each in body["decide"]],
        **{word: [row(one) for one in (report.landed if word == "landed" else report.of(word))]
           for word in ("landed", "unproved", "rejected", "held", "blocked", "advanced", "interrupted", "failed")},
        "waits": [{"from": iso(since), "to": iso(until), "why": why} for since, until, why in report.waits],
        "burnup": [{"at": iso(at), "passing": count} for at, count in report.burnup],
        "by_feature": [asdict(each) for each in report.features], "by_agent": [asdict(each) for each in report.agents],
        "findings": body["findings"], "next": [{"says": says, "command": command} for says, command in report.next],
        "missing": report.missing,
    }  # fmt: skip


def decided(each: dict[str, object]) -> dict[str, object]:
    """A decision as JSON; only one about several features has parts."""
    usd, parts = each["usd"], each.pop("parts")
    return {**each, "usd": round(usd, 2) if isinstance(usd, float) else usd, **({"parts": parts} if parts else {})}


def row(one: Session) -> dict[str, object]:
    came, went, tests_came, tests_went = one.lines
    seen = one.changes is not None
    return {
        "session": one.id, "feature": one.feature, "title": one.title, "rule": one.rule, "reason": reason(one), "details": one.said,
        "try": one.tries, "began": iso(one.began), "ended": iso(one.ended), "minutes": one.minutes, "usd": one.usd, "agent": one.agent,
        "model": one.model, "then": one.then, "commit": one.commit or None, "files": len(one.changes or ()) if seen else None,
        "added": came if seen else None, "removed": went if seen else None, "tests_added": tests_came if seen else None,
        "tests_removed": tests_went if seen else None, "proof": one.proof,
        "risks": [{"rule": risk.rule, "says": risk.says} for risk in one.risks],
    }  # fmt: skip


def iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def markdown(report: Report) -> str:
    """A job summary: what is too long is left out by whole sections, for a summary that is too long is dropped whole."""
    left, shown = MOST_MARKDOWN, []
    for section in filter(None, _sections(report)):
        size = len(section.encode())
        if size > left:
            shown.append(f"More is left out here: `{report.program} report`\n")
            break
        left -= size
        shown.append(section)
    return "\n".join(shown)


def _sections(report: Report) -> Iterator[str]:
    signs = {"ok": "✅", "FAIL": "❌", "--": "•"}
    yield f"## {' '.join(report.verdict)}\n"
    yield f"{quoted(', '.join(filter(None, (report.project, span(report)))))}\n"
    yield "".join(f"- {signs[word]} {quoted(said)}\n" for word, said in state(report)) + f"- {signs['--']} {quoted(numbers(report))}\n"
    if report.fix:
        yield f"### Fix first\n\n{fenced([report.fix])}"
    if report.decide:
        yield "### You decide\n"
    for each in report.decide[:20]:
        asked = f"{each.by}: {quoted(each.question, 500)}" if each.question else ""
        commands = fenced([*filter(None, (each.command, each.other))])
        yield f"**{quoted(f'{each.feature} {each.title}')}** {quoted(behind(each) or '-')}\n\n{asked}\n\n{commands}"
    yield table("### Landed, riskiest first", ("commit", "feature", "lines", "read it because", "proof"), (
        (quoted(one.commit[:9]), quoted(f"{one.feature} {one.title}"), "+{} -{}".format(*one.lines[:2]),
         quoted("; ".join(risk.says for risk in one.risks) or ("unproved" if one.outcome == "unproved" else "-")),
         quoted("; ".join(one.proof) or "-")) for one in (*report.of("unproved"), *report.landed)
    ))  # fmt: skip
    yield table("### Not landed", ("feature", "outcome", "rule", "why", "what happened next"), (
        (quoted(f"{one.feature} {one.title}"), one.outcome, quoted(one.rule or "-"), quoted(reason(one) or "-"), quoted(one.then or "-"))
        for one in report.sessions if one.outcome not in LANDS
    ))  # fmt: skip
    yield table("### Agents", ("agent", "model", "sessions", "landed", "refused", "stopped early", "cost"), (
        (quoted(each.name), quoted(each.model or "-"), each.sessions, each.landed, each.refused, each.stopped,
         spent(each)) for each in report.agents
    ))  # fmt: skip
    yield table("### Findings", ("id", "state", "claim", "next"), (
        (quoted(each.id), each.state, quoted(each.claim), quoted(each.next or "-")) for each in report.findings
    ))  # fmt: skip
    yield "".join(f"- next: {quoted(f'{says}: {command}')}\n" for says, command in report.next)
    yield "".join(f"- {said}\n" for said in report.missing)


def table(head: str, names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table of at most 100 rows, "" for none; a bar in a cell does not end it."""
    shown = [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines]
    if not shown:
        return ""
    rest = f"\nand {len(shown) - 100} more\n" if len(shown) > 100 else ""
    return "\n".join((head, "", f"| {' | '.join(names)} |", "|---" * len(names) + "|", *shown[:100], rest))


def fenced(commands: Sequence[str]) -> str:
    """Commands as an indented block, in which nothing is markup."""
    return "".join(f"    {command}\n" for command in commands)
