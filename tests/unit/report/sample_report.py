"""A night as a person may find it in the morning, written down by hand: eight hours, twelve
sessions, one usage limit, one question."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from nightlatch.model.models import Feature, Plan
from nightlatch.project.config.settings import Limits
from nightlatch.record.findings.findings import Author, Finding, Origin, Remarks, State
from nightlatch.record.history import replay
from nightlatch.record.progress import Entry, Item, RunEnd, RunStart
from nightlatch.report.build import build
from nightlatch.report.model import FileStat, Report
from nightlatch.report.source import (
    BranchTip,
    FindingsNow,
    JournalTimes,
    LandedCommit,
    Source,
    chosen,
)
from nightlatch.scheduler.status import survey

RUN = "r-20261120-220100"
START = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)
TITLES = {
    "US-031": "CSV import keeps quoted newlines",
    "US-032": "Backups rotate at 14 copies",
    "US-033": "Search ignores accents (e = é)",
    "US-034": "Invoices round half-even per line",
    "US-035": "Login limit: 5 tries a minute per IP",
    "US-036": "Export a statement as PDF",
    "US-037": "Dark mode follows the system setting",
    "US-038": "Email the statement",
    "US-039": "Statement archive",
}
QUESTION = "Which PDF library may I add: reportlab or weasyprint?"
# feature, minutes after the start at which it ended, minutes, outcome, dollars, rule, what was said
NIGHT: Sequence[tuple[str, int, int, str, float | None, str, str]] = (
    ("US-031", 20, 19, "landed", 1.12, "", ""),
    ("US-032", 57, 36, "landed", 2.08, "", ""),
    (
        "US-033",
        106,
        48,
        "rejected",
        3.41,
        "ratchet.test-removed",
        "tests that passed at the base are gone: 2: test_search.py::test_a",
    ),
    ("US-033", 135, 28, "landed", 1.96, "", "findings: confirmed N-7f3k2; reused N-9p2ab"),
    ("US-034", 181, 45, "landed", 2.75, "", ""),
    (
        "US-035",
        210,
        28,
        "rejected",
        1.88,
        "tests.failed",
        "new or changed tests fail: 1: test_login.py::test_per_ip",
    ),
    ("US-035", 253, 42, "interrupted", 1.20, "agent.limit", "usage limit reached"),
    ("US-035", 364, 35, "landed", 2.31, "", ""),
    (
        "US-036",
        410,
        45,
        "rejected",
        4.02,
        "tests.failed",
        "new or changed tests fail: 3: test_pdf.py::test_totals",
    ),
    (
        "US-036",
        439,
        29,
        "rejected",
        3.15,
        "verify.red",
        "the feature's own verify command still fails: exit code 1",
    ),
    ("US-036", 463, 24, "blocked", 0.88, "agent.question", f"asks {QUESTION}"),
    ("US-037", 488, 24, "landed", 1.67, "", ""),
)
FINDINGS = (
    Finding(
        id="N-7f3k2",
        feature="US-033",
        claim="NFKD folding needs no ICU build",
        born=State.VERIFIED,
        origin=Origin(by=Author.LOOP, at=START),
    ),
    Finding(
        id="N-9p2ab",
        feature="US-033",
        claim="test_backup_rotation fails around midnight",
        origin=Origin(by=Author.AGENT, at=START),
        remarks=Remarks(next="freeze the clock in test_backup.py and run it 500 times"),
    ),
)


def feature(name: str, **more: object) -> Feature:
    depends = ("US-036",) if name in ("US-038", "US-039") else ()
    return Feature(id=name, title=TITLES[name], done=more.get("done") is True, depends=depends)


def entries(
    night: Sequence[tuple[str, int, int, str, float | None, str, str]] = NIGHT, run: str = RUN
) -> list[Entry]:
    found, tries = [], dict.fromkeys(TITLES, 1)
    for n, (name, at, minutes, word, usd, rule, said) in enumerate(night, 1):
        details = (
            *([said] if said else []),
            f"session {run}-s{n:02}  digest {feature(name).digest}",
        )
        when, tried = START + timedelta(minutes=at), tries[name]
        values = {
            "tries": tried,
            "minutes": minutes,
            "usd": usd,
            "rule": rule,
            "title": TITLES[name],
            "details": details,
        }
        found.append(Entry(at=when, word=word, feature=name, **values))  # type: ignore[arg-type]  # told by keyword
        tries[name] += word == "rejected"
    return found


def items(
    told: Sequence[Entry],
    *,
    stop: str = "nothing left to run: US-036 asks",
    code: str = "3",
    run: str = RUN,
) -> tuple[Item, ...]:
    fields = (("base", "d3c9a70"), ("passing", "41/50"), ("budget", "$40.00"), ("agent", "claude"))
    closing = (("passing", "47/50"), ("exit", code), ("at", "2026-11-21T06:11Z"))
    details = (
        f"stop    {stop}",
        "branch  green, 421 pass, 0 fail, 3 skipped; 7 commits not pushed",
    )
    return (
        RunStart(run=run, fields=fields),
        *told,
        RunEnd(run=run, fields=closing, details=details),
    )


def source(record: Sequence[Item], **more: object) -> Source:
    """What the sample's branch and journal tell, with anything put in its place."""
    landed = {
        entry.feature for entry in record if isinstance(entry, Entry) and entry.word == "landed"
    }
    before = tuple(
        Feature(id=f"F-{n:03}", title="It passes since long", done=True) for n in range(41)
    )
    plan = Plan(
        path="prd.json",
        features=(*before, *(feature(name, done=name in landed) for name in TITLES)),
    )
    commits = {
        entry.details[-1].split()[1]: landing(n, entry.feature)
        for n, entry in enumerate(record)
        if isinstance(entry, Entry) and entry.word in ("landed", "unproved") and entry.details
    }
    known: Mapping[str, object] = {
        "project": "ledgerly",
        "program": "python loop.py",
        "branch": BranchTip(name="main", tip="2f80ac6" + "0" * 33, unpushed=7),
        "items": tuple(record),
        "survey": survey(plan, replay(record), Limits()).anew,
        "landings": commits,
        "findings": FindingsNow(known=FINDINGS),
        "times": JournalTimes(
            agents={f"{RUN}-s{n:02}": ("claude", "sonnet") for n in range(1, 13)},
            limits=((START + timedelta(minutes=253), "claude"),),
        ),
    }
    return Source(**{**known, **more})  # type: ignore[arg-type]  # told by keyword


def landing(n: int, name: str) -> LandedCommit:
    changes = [
        FileStat(path=f"src/part{n}.py", added=60 + n, removed=n),
        FileStat(path=f"tests/test_part{n}.py", added=30),
    ]
    if name == "US-034":
        changes += [
            FileStat(path="tests/test_money.py", added=4, removed=12),
            FileStat(path="pyproject.toml", added=1),
        ]
    proof = {"Verify": "red->green", "Checks": "2/2", "Tests": "421 pass, 0 fail, 3 skipped"}
    return LandedCommit(commit=f"{n:07x}" + "a" * 33, trailers=proof, changes=tuple(changes))


def report(record: Sequence[Item] | None = None, **more: object) -> Report:
    told = source(items(entries()) if record is None else record, **more)
    return build(told, chosen(told.items))
