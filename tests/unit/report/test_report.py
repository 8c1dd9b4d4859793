"""The report: what it takes from the record, in what order it tells it, and that nobody's text
is more than text in any view."""

import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlatch.project.config.settings import Limits
from nightlatch.record.history import replay
from nightlatch.record.progress import RunStart, Text, decision, parse, render
from nightlatch.report import build as reports
from nightlatch.report import html as reportpage
from nightlatch.report import json_view
from nightlatch.report import source as report_source
from nightlatch.report import text as reportviews
from nightlatch.report.model import Report, on_clocks
from nightlatch.report.source import BranchTip, FindingsNow, LatestRun
from nightlatch.scheduler.status import survey
from tests.conftest import tries
from tests.unit.report.sample_report import (
    FINDINGS,
    NIGHT,
    QUESTION,
    RUN,
    START,
    entries,
    feature,
    items,
    report,
    source,
)

TEMPLATE = Path("nightlatch/pages/report.html.j2").read_text(encoding="utf-8")
FAULT = "claude is not logged in; fix: claude /login"
FAILED = [("US-036", n, 1, "failed", None, "agent.login", "login: Invalid key") for n in (2, 4, 6)]


def page(told: Report) -> str:
    return reportpage.page(told, TEMPLATE, {}, {})


def views(told: Report) -> dict[str, str]:
    """Every form of one report."""
    end = reportviews.end_block(told, RUN, code=3, at=START)
    return {
        "text": "\n".join(reportviews.text(told)),
        "page": page(told),
        "markdown": reportviews.markdown(told),
        "json": json.dumps(json_view.to_json(told)),
        "end": render((end,)),
    }


def test_a_normal_night_fits_a_terminal_of_24_lines() -> None:
    lines = [*reportviews.text(report())]
    assert len(lines) <= 24
    assert (
        lines[0]
        == "ledgerly, run r-20261120-220100, 2026-11-20 22:01 to 2026-11-21 06:11 UTC (8h10m)"
    )
    assert lines[2] == "6 landed. 1 decision needs you. 4 attempts rejected."
    assert "  --   41 -> 47 of 50 pass   $26.43 of $40.00, $14.54 of it did not land" in lines
    assert max(map(len, lines)) <= 160


def test_the_end_of_progress_says_the_same_in_eight_lines() -> None:
    end = reportviews.end_block(report(), RUN, code=3, at=START)
    assert parse(render((end,))) == (end,)
    counts = (
        "landed=6 unproved=0 rejected=4 held=0 blocked=1 cost=$26.43 not-landed=$14.54 exit=3"
        " at=2026-11-20T22:01Z"
    )
    ask = (
        "US-036 Export a statement as PDF asks: Which PDF library may I add: reportlab or"
        " weasyprint?"
    )
    risks = (
        "US-035 0000008 (landed after tests.failed)",
        "US-033 0000004 (landed after ratchet.test-removed)",
        "US-034 0000005 (changes old tests (-12 lines))",
    )
    assert render((end,)).splitlines() == [
        f"== run {RUN} end parent=2f80ac6 passing=47/50 {counts}",
        "    stop    nothing left to run: US-036 asks",
        "    branch  green, 421 pass, 0 fail, 3 skipped; 7 commits not pushed",
        (
            f'    DECIDE  1 {ask}   python loop.py answer US-036 "..."   or   python loop.py skip'
            " US-036"
        ),
        f"    read    {'; '.join(risks)}",
        "    next    nothing can run until you decide; 2 more depend on it",
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 200])
@pytest.mark.parametrize("landed", [0, 6])
def test_the_end_of_a_run_fits_the_eight_lines_of_tail(count: int, landed: int) -> None:
    one = report().asks.pending[0]
    told = report(items(entries(NIGHT if landed else ())))
    told = replace(told, asks=replace(told.asks, pending=(one,) * count))
    lines = render((reportviews.end_block(told, RUN, code=3, at=START),)).splitlines()
    assert len(lines) <= 8
    shown = sum("DECIDE" in line for line in lines)
    assert shown == count or f"and {count - shown} more: python loop.py status" in "\n".join(lines)


def test_landed_work_is_told_riskiest_first_each_with_its_rules() -> None:
    told = [(one.feature, [risk.rule for risk in one.risks]) for one in report().landed]
    assert told[:4] == [
        ("US-035", ["after-refusal", "many-sessions"]),
        ("US-033", ["after-refusal"]),
        ("US-034", ["old-tests", "dependencies"]),
        ("US-037", []),
    ]
    assert [one.feature for one in report().read] == ["US-035", "US-033", "US-034"]


def test_what_was_refused_says_what_happened_next() -> None:
    assert [(one.feature, one.rule, one.then) for one in report().of("rejected")] == [
        ("US-033", "ratchet.test-removed", "then landed"),
        ("US-035", "tests.failed", "then interrupted (agent.limit)"),
        ("US-036", "tests.failed", "then rejected (verify.red)"),
        ("US-036", "verify.red", "then blocked (agent.question)"),
    ]


def test_a_decision_says_who_asks_what_it_holds_up_and_what_was_spent_on_it() -> None:
    (one,) = report().asks.pending
    assert (one.question.by, one.question.text) == (
        "the agent asks",
        "Which PDF library may I add: reportlab or weasyprint?",
    )
    assert (one.holds_up, one.work.sessions, one.work.usd) == (("US-038", "US-039"), 3, 8.05)
    assert (one.answers.command, one.answers.otherwise) == (
        'python loop.py answer US-036 "..."',
        'in the plan: "answer": "..."',
    )
    (unproved,) = report(
        items(entries([("US-031", 20, 19, "unproved", 1.12, "", "nothing proves it")]))
    ).asks.pending
    assert (unproved.answers.command, unproved.answers.other) == (
        "python loop.py approve US-031",
        'python loop.py refuse US-031 "why"',
    )


def test_sums_are_of_sessions_and_add_up() -> None:
    told = report()
    assert round(sum(each.usd for each in told.features), 2) == round(told.totals.usd, 2) == 26.43
    assert [(each.name, round(each.usd, 2), round(each.lost, 2)) for each in told.features][:3] == [
        ("US-036", 8.05, 8.05),
        ("US-035", 5.39, 3.08),
        ("US-033", 5.37, 3.41),
    ]
    (agent,) = told.agents
    assert (
        agent.name,
        agent.model,
        agent.sessions,
        agent.landed,
        agent.refused,
        agent.stopped,
    ) == ("claude", "sonnet", 12, 6, 4, 1)
    assert [count for _, count in told.passing.burnup] == [41, 42, 43, 44, 45, 46, 47]


def test_a_pause_is_told_with_the_limit_that_made_it() -> None:
    ((since, until, why),) = report().waits
    assert (since, until - since, why) == (
        START + timedelta(minutes=253),
        timedelta(minutes=76),
        "claude was limited",
    )


def test_findings_come_with_their_state_and_how_often_sessions_went_by_them() -> None:
    assert [(each.id, each.state, each.by, each.reused) for each in report().findings] == [
        ("N-9p2ab", "open", "agent", 1),
        ("N-7f3k2", "verified", "loop", 0),
    ]
    stale = FindingsNow(known=FINDINGS, stale=frozenset({"N-7f3k2"}))
    assert [each.state for each in report(findings=stale).findings] == [
        "stale",
        "open",
    ]


def test_on_a_bad_night_the_fault_comes_first_with_one_command_to_fix_it() -> None:
    told = report(items(entries(FAILED), stop=FAULT, code="4"))
    assert told.verdict == ("Stopped by a fault.", "Nothing landed.")
    assert (told.run.stop, told.run.fix) == ("claude is not logged in", "claude /login")
    shown = page(told)
    assert shown.index("Fix first") < shown.index('id="stopped"') < shown.index('id="time"')
    assert "FIX     claude /login" in "\n".join(reportviews.text(told))
    assert "    stop    claude is not logged in; fix: claude /login\n" in render(
        (reportviews.end_block(told, RUN, code=4, at=START),)
    )
    assert json_view.to_json(told)["cost"] == {
        "usd": None,
        "source": "none",
        "not_landed": 0.0,
        "unknown": 3,
    }


@pytest.mark.parametrize(
    ("code", "kind", "first"),
    [
        ("0", "ended", "6 landed."),
        ("3", "needs you", "6 landed."),
        ("4", "fault", "Stopped by a fault."),
        ("5", "red", "The branch itself is red."),
        ("75", "limited", "6 landed."),
        ("130", "signal", "6 landed."),
        ("70", "error", "Stopped by an error."),
    ],
)
def test_how_a_run_ended_is_known_by_its_exit_code(code: str, kind: str, first: str) -> None:
    told = report(items(entries(), code=code))
    assert (told.run.kind, told.verdict[0]) == (kind, first)


def test_a_run_without_an_end_was_cut_off_unless_it_is_at_work() -> None:
    record = items(entries())[:-1]
    assert (report(record).run.kind, report(record).run.fix) == ("cut off", "python loop.py run")
    going = report(record, latest=LatestRun(going=RUN)).run
    assert (going.kind, going.fix) == ("going", "")
    assert report(record).branch.tests == "421 pass, 0 fail, 3 skipped at the last landing"


def test_a_run_is_chosen_by_its_name_or_by_what_happened_since() -> None:
    other = "r-20261119-220100"
    record = (*items(entries(NIGHT[:2], other), run=other), *items(entries()))
    assert [night.run for night in report_source.chosen(record)] == [RUN]
    assert [night.run for night in report_source.chosen(record, other)] == [other]
    assert report_source.chosen(record, "r-1") == []
    since = report_source.chosen(record, since=START + timedelta(minutes=300))
    assert [(night.run, len(night.entries)) for night in since] == [(RUN, 5)]
    older = reports.build(source(record), report_source.chosen(record, other))
    assert (older.asks.pending, older.asks.next) == ((), ())


def test_without_any_run_it_says_how_things_stand() -> None:
    told = report(())
    assert told.verdict == ("No run on record.",)
    assert told.asks.next == (("US-031, US-032, US-033 and 4 more can run", "python loop.py run"),)
    assert all(views(told).values())


def test_work_that_began_in_a_run_that_was_cut_off_says_so() -> None:
    record = items(entries([NIGHT[0]], "r-20261120-120000"))
    (one,) = report(record).landed
    assert [risk.says for risk in one.risks] == ["began in r-20261120-120000, which was cut off"]


def test_unknown_costs_are_called_unknown() -> None:
    told = report(items(entries([(*row[:4], None, *row[5:]) for row in NIGHT])))
    assert "cost unknown: not reported" in "\n".join(reportviews.text(told))
    assert " cost=unknown not-landed=unknown " in render(
        (reportviews.end_block(told, RUN, code=3, at=START),)
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x1b]0;owned\x07",
    "\u202egnp.exe\u2066",
    "a\rb\x00c\x9bd",
    "```\n# head\n@here #1 [x](javascript:alert(1))",
    "| a | b |\n|---|---|",
    "x" * 100_000,
    "\ud800",
    "'; style='x",
    "--> <!--",
    "== run r-9 end exit=0",
)
BAD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]"
)
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "svg",
    "defs",
    "pattern",
    "rect",
    "circle",
    "main",
    "p",
    "span",
    "ul",
    "li",
    "b",
    "code",
    "div",
    "q",
    "nav",
    "a",
    "br",
    "details",
    "summary",
    "pre",
    "figure",
    "img",
    "figcaption",
    "text",
    "line",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "h1",
    "h2",
    "h3",
}


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources |= {value or "" for name, value in attrs if name in ("href", "src")}


def hostile(text: str) -> Report:
    """A night in which everything that somebody else wrote is this text."""
    from nightlatch.record.progress import lines

    named = [
        replace(
            entry, title=text, rule=text, details=(*(lines(text) or ("-",)), *entry.details[-1:])
        )
        for entry in entries()
    ]
    known = source(items(named, stop=f"{text}; fix: {text}", run=f"r-1{text}"))
    findings = tuple(
        replace(each, claim=text, remarks=replace(each.remarks, next=text))
        for each in known.findings.known
    )
    landings = {
        name: replace(one, trailers={"Verify": text, "Approved": text})
        for name, one in known.landings.items()
    }
    features = tuple(
        replace(each, title=text) if not each.done else each for each in known.survey.plan.features
    )
    stands = replace(known.survey, plan=replace(known.survey.plan, features=features))
    told = replace(
        known,
        findings=FindingsNow(known=findings),
        landings=landings,
        survey=stands,
        project=text,
        branch=BranchTip(name=text, tip=""),
    )
    return reports.build(told, report_source.chosen(told.items))


def assert_harmless(told: Report) -> None:
    shown = views(told)
    for name, text in shown.items():
        assert not BAD.search(text), name
        assert len(text) < 200_000, name
    outside = re.sub(r"^    .*$|(`+) ?.*? ?\1", "", shown["markdown"], flags=re.MULTILINE)
    assert not re.search(r"<|\]\(|@|\{", outside), outside
    tags = Tags(shown["page"])
    assert tags.tags <= ALLOWED
    assert not {name for name in tags.attributes if name.startswith("on") or name == "style"}
    assert all(source.startswith("#") for source in tags.sources)
    assert len(shown["end"].splitlines()) <= 8


def test_a_template_in_somebodys_text_is_not_evaluated() -> None:
    assert "{{ 7*7 }}" in html.unescape(page(hostile("{{ 7*7 }}{% raw %}")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text_in_every_view(text: str) -> None:
    assert_harmless(hostile(text))


@settings(max_examples=tries(12))
@given(st.text(min_size=1, max_size=60))
def test_any_text_is_only_text_in_every_view(text: str) -> None:
    assert_harmless(hostile(text))


def test_differences_and_names_of_pictures_are_only_text_too() -> None:
    shown = reportpage.page(
        report(),
        TEMPLATE,
        {f"{RUN}-s04": "<script>\n\x1b[31m\u202e" + "y" * 9_000},
        {f"{RUN}-s04": [('"><script>.png', "image/png", b"\x89PNG")]},
    )
    tags = Tags(shown)
    assert tags.tags <= ALLOWED
    assert {source for source in tags.sources if not source.startswith("#")} == {
        "data:image/png;base64,iVBORw=="
    }
    assert not BAD.search(shown)


def test_the_policy_allows_the_page_its_own_style_and_nothing_else() -> None:
    from base64 import b64encode
    from hashlib import sha256

    shown = page(report())
    style = shown.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', shown)[0])
    assert (
        policy
        == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )
    assert "style=" not in shown.replace(style, "")


def test_every_chart_has_its_table() -> None:
    shown = page(report())
    for caption in (
        "The last sessions",
        "Passing features",
        "Cost per feature",
        "Per agent and model",
    ):
        assert f"<caption>{caption}</caption>" in shown
    assert shown.count('role="img"') == shown.count("aria-label") - shown.count(
        'role="region"'
    ) - shown.count("<nav")


def test_ten_thousand_sessions_are_folded_into_a_page_under_300_kb() -> None:
    kinds = (("rejected", 0.5, "tests.failed", "a line"), ("landed", 0.5, "", "a line"))
    rows = [("US-031", n, 1, *kinds[n % 3 > 0]) for n in range(10_000)]
    record = items(
        [
            replace(entry, title=f"A feature of an ordinary length, number {n}")
            for n, entry in enumerate(entries(rows))
        ]
    )
    told = report(record)
    shown = page(told)
    assert len(shown.encode()) < 300_000
    assert "9900 earlier sessions, by day" in shown
    assert len(reportviews.markdown(told).encode()) <= 61_000
    assert len([*reportviews.text(told)]) <= 24


def test_other_peoples_lines_between_the_entries_change_nothing() -> None:
    record = items(entries())
    between = [one for item in record for one in (Text(text="hello\n"), item)]
    assert [one.id for one in report(between).sessions] == [
        one.id for one in report(record).sessions
    ]


def alike(n: int) -> list[tuple[str, int, int, str, float | None, str, str]]:
    return [
        ("US-036", 10 * one, 5, "rejected", 1.0, "scope.empty", "the candidate changes nothing")
        for one in range(1, n + 1)
    ]


def test_above_the_end_of_a_run_stands_a_line_for_each_feature_with_its_commit_and_its_lines() -> (
    None
):
    (block,) = reportviews.night(report(), RUN)
    assert parse(render((block,))) == (block,)
    lines = dict(line.split(" ", 1) for line in block.details)
    assert (
        lines["US-031"]
        == "CSV import keeps quoted newlines: landed as 0000001, +91 -1 in src/part1.py,"
        " tests/test_part1.py"
    )
    assert lines["US-033"].endswith("; before that: tests that passed at the base are gone")
    assert "; before that: new or changed tests fail, usage limit reached" in lines["US-035"]
    assert lines["US-036"].startswith(
        f"Export a statement as PDF: blocked: asks {QUESTION}; before that: new or changed tests"
        " fail, "
    )
    assert reportviews.night(report(items(())), RUN) == ()


def test_equal_refusals_in_a_row_are_one_row_that_counts_them() -> None:
    told = report(items(entries(alike(2))))
    (row,) = [line for line in reportviews.text(told) if line.startswith("REJECT")]
    assert "2 times: the candidate changes nothing" in row
    assert "$2.00" in row
    assert page(told).count("the candidate changes nothing") == 1
    assert reportviews.markdown(told).count("the candidate changes nothing") == 1


def test_a_feature_that_is_worn_out_is_told_once_with_its_last_refusal() -> None:
    told = report(items(entries(alike(3))))
    (asked,) = told.asks.pending
    assert (
        asked.question.text
        == "was rejected 3 times in a row by the same rule, scope.empty: the candidate changes"
        " nothing"
    )
    assert told.apart.of("rejected") == ()


def test_what_is_told_as_a_decision_is_told_nowhere_else_on_the_page() -> None:
    night = [
        (
            "US-031",
            20,
            19,
            "unproved",
            1.0,
            "",
            "it has no verify and no new test fails without it; +4 -0 in a.py",
        )
    ]
    told = report(items(entries(night)))
    for text in (page(told), reportviews.markdown(told)):
        assert text.count(html.escape("it has no verify and no new test fails without it")) == 1
        assert "Landed unproved" not in text
    card = page(told).partition('<div class="card">')[2].partition("</div>")[0]
    assert "python loop.py approve US-031" in card
    assert "python loop.py refuse US-031 &#34;why&#34;" in card
    assert "checked: verify red" in card
    assert "proof" not in card, "nothing proves it"


def test_what_was_decided_is_asked_no_more_and_says_whether_it_was_carried_out() -> None:
    waits = source(items(entries()))
    waits = replace(
        waits, survey=survey(waits.survey.plan, replay(waits.items), Limits(), {"US-036": "answer"})
    )
    told = reports.build(waits, report_source.chosen(waits.items))
    assert told.asks.pending == ()
    assert "decision" not in " ".join(told.verdict)
    assert told.asks.next == (("what you decided waits for the run", "python loop.py run"),)
    for text in (page(told), reportviews.markdown(told), "\n".join(reportviews.text(told))):
        assert "waits for the run" in text
    unproved = [("US-031", 20, 19, "unproved", 1.0, "", "it has no verify")]
    said = decision("approve", "", feature("US-031"), START + timedelta(hours=9))
    done = report((*items(entries(unproved)), said))
    assert [(each.feature, each.verb, each.state) for each in done.asks.decided] == [
        ("US-031", "approve", "carried out")
    ]
    assert done.asks.pending == ()


def test_a_run_that_went_on_where_one_was_cut_off_tells_the_whole_night() -> None:
    first, *rest = entries()
    record = (RunStart(run="r-20261120-210000"), first, *items(rest))
    told = report(record)
    assert told.run.names == ("r-20261120-210000", RUN)
    assert len(told.of("landed")) == 6
    assert [night.run for night in report_source.chosen(record, RUN)] == [RUN]


def test_times_are_those_of_the_clocks_here_and_utc_for_programs() -> None:
    told = on_clocks(report(), ZoneInfo("Europe/Berlin"))
    for text in (page(told), reportviews.markdown(told), "\n".join(reportviews.text(told))):
        assert "07:11 CET" in text
        assert "UTC" not in text
    assert json_view.to_json(told)["run"] == json_view.to_json(report())["run"]
