"""The report as documented JSON."""

from dataclasses import asdict

from nightlatch.report.model import Report, SessionReport
from nightlatch.report.text import iso, reason


def to_json(report: Report) -> dict[str, object]:
    """The report as documented JSON; keys are only ever added."""
    whole = report.whole
    source = (
        "none"
        if whole.unknown == whole.sessions
        else "partly agent-reported"
        if whole.unknown
        else "agent-reported"
    )
    body = asdict(report)
    return {
        "schema": "nightlatch/report/1",
        "verdict": " ".join(report.verdict),
        "run": run_of(report),
        "branch": {
            "name": report.branch,
            "tip": report.tip,
            "tests": report.tests or None,
            "unpushed": report.unpushed,
        },
        "features": {"before": report.before, "passing": report.passing, "total": report.total},
        "fix": report.fix or None,
        "cost": {
            "usd": None if source == "none" else round(whole.usd, 2),
            "source": source,
            "not_landed": round(whole.lost, 2),
            "unknown": whole.unknown,
            **({"list_price": round(report.list_price, 2)} if report.list_price else {}),
        },
        "decide": [decided(each) for each in body["decide"]],
        "decided": [{**asdict(each), "state": each.state} for each in report.decided],
        **{
            word: [row(one) for one in (report.landed if word == "landed" else report.of(word))]
            for word in (
                "landed",
                "unproved",
                "rejected",
                "held",
                "blocked",
                "advanced",
                "interrupted",
                "failed",
            )
        },
        "waits": [
            {"from": iso(since), "to": iso(until), "why": why} for since, until, why in report.waits
        ],
        "burnup": [{"at": iso(at), "passing": count} for at, count in report.burnup],
        "by_feature": [asdict(each) for each in report.features],
        "by_agent": [asdict(each) for each in report.agents],
        "findings": body["findings"],
        "next": [{"says": says, "command": command} for says, command in report.next],
        "missing": report.missing,
    }


def run_of(report: Report) -> dict[str, object] | None:
    """Return the last run with its limits, None where no run is on record."""
    if not report.runs:
        return None
    return {
        "id": report.runs[-1],
        "runs": report.runs,
        "start": iso(report.start),
        "end": iso(report.end),
        "ended": report.kind,
        "stop": report.stop,
        "base": report.base,
        "budget": report.budget or None,
    }


def decided(each: dict[str, object]) -> dict[str, object]:
    """A decision as JSON; only one about several features has parts."""
    usd, parts = each["usd"], each.pop("parts")
    return {
        **each,
        "usd": round(usd, 2) if isinstance(usd, float) else usd,
        **({"parts": parts} if parts else {}),
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
