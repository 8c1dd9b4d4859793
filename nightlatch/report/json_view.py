"""The report as documented JSON."""

from dataclasses import asdict

from nightlatch.report.model import PendingDecision, Report, SessionReport
from nightlatch.report.text import iso, reason

# the outcomes beside "landed", in the order in which the document has them
NOT_LANDED = (
    *("unproved", "rejected", "held", "blocked"),
    *("advanced", "interrupted", "failed"),
)


def to_json(report: Report) -> dict[str, object]:
    """Return the report as documented JSON; keys are only ever added."""
    return {
        "schema": "nightlatch/report/1",
        "verdict": " ".join(report.verdict),
        "run": run_of(report),
        "branch": {
            "name": report.branch.name,
            "tip": report.branch.tip,
            "tests": report.branch.tests or None,
            "unpushed": report.branch.unpushed,
        },
        "features": {
            "before": report.passing.before,
            "passing": report.passing.now,
            "total": report.passing.total,
        },
        "fix": report.run.fix or None,
        "cost": cost_of(report),
        "decide": [*map(pending, report.asks.pending)],
        "decided": [{**asdict(each), "state": each.state} for each in report.asks.decided],
        "landed": [*map(row, report.landed)],
        **{word: [*map(row, report.of(word))] for word in NOT_LANDED},
        "waits": [
            {"from": iso(since), "to": iso(until), "why": why} for since, until, why in report.waits
        ],
        "burnup": [{"at": iso(at), "passing": count} for at, count in report.passing.burnup],
        "by_feature": [asdict(each) for each in report.features],
        "by_agent": [asdict(each) for each in report.agents],
        "findings": [asdict(each) for each in report.findings],
        "next": [{"says": says, "command": command} for says, command in report.asks.next],
        "missing": report.missing,
    }


def cost_of(report: Report) -> dict[str, object]:
    """Return what was spent, and how much of the sum is known."""
    totals = report.totals
    if totals.unknown == totals.sessions:
        source = "none"
    else:
        source = "partly agent-reported" if totals.unknown else "agent-reported"
    return {
        "usd": None if source == "none" else round(totals.usd, 2),
        "source": source,
        "not_landed": round(totals.lost, 2),
        "unknown": totals.unknown,
        **({"list_price": round(report.list_price, 2)} if report.list_price else {}),
    }


def run_of(report: Report) -> dict[str, object] | None:
    """Return the last run with its limits, None where no run is on record."""
    if not report.run.names:
        return None
    return {
        "id": report.run.names[-1],
        "runs": report.run.names,
        "start": iso(report.run.start),
        "end": iso(report.run.end),
        "ended": report.run.kind,
        "stop": report.run.stop,
        "base": report.run.base,
        "budget": report.run.budget or None,
    }


def pending(each: PendingDecision) -> dict[str, object]:
    """Return a decision as JSON; only one about several features has parts."""
    usd = each.work.usd
    return {
        "name": each.name,
        "feature": each.feature,
        "title": each.title,
        "kind": each.kind,
        "by": each.question.by,
        "question": each.question.text,
        "says": each.question.says,
        **asdict(each.answers),
        "holds_up": each.holds_up,
        "sessions": each.work.sessions,
        "usd": None if usd is None else round(usd, 2),
        "session": each.work.session,
        "commit": each.work.commit,
        "checked": each.work.checked,
        **({"parts": [asdict(part) for part in each.parts]} if each.parts else {}),
    }


def row(one: SessionReport) -> dict[str, object]:
    came, went, tests_came, tests_went = one.lines
    seen = one.changes is not None
    return {
        "session": one.id,
        "feature": one.feature,
        "title": one.title,
        "rule": one.rule,
        "reason": reason(one),
        "details": one.said,
        "try": one.tries,
        "began": iso(one.began),
        "ended": iso(one.ended),
        "minutes": one.minutes,
        "usd": one.usd,
        "agent": one.agent,
        "model": one.model,
        "then": one.then,
        "commit": one.commit or None,
        "files": len(one.changes or ()) if seen else None,
        "added": came if seen else None,
        "removed": went if seen else None,
        "tests_added": tests_came if seen else None,
        "tests_removed": tests_went if seen else None,
        "proof": one.proof,
        "risks": [{"rule": risk.rule, "says": risk.says} for risk in one.risks],
    }
