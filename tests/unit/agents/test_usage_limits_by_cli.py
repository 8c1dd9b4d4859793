"""Each wording of a limit as each CLI brings it: waited for to the right minute, stopped for,
or no limit at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

import pytest

from nightlatch.agents.exit_classification import Summary, after, ended
from nightlatch.agents.streams.dialects import DIALECTS, reader
from nightlatch.agents.usage_limits import unknown
from nightlatch.model.models import AgentEnd, End
from tests.unit.agents.test_streams import ONLY_MENTIONS, STREAMS

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # a Friday, half past midnight in Berlin
BERLIN = ZoneInfo("Europe/Berlin")
PI = {"role": "assistant", "stopReason": "error"}
Told = tuple[list[object], int]
CARRIERS: dict[str, Callable[[str], Told]] = {
    "claude": lambda words: (
        [{"type": "result", "subtype": "success", "is_error": True, "result": words}],
        1,
    ),
    "codex": lambda words: (
        [{"type": "error", "message": words}, {"type": "turn.failed", "error": {"message": words}}],
        1,
    ),
    "gemini": lambda words: (
        [{"type": "result", "status": "error", "error": {"type": "unknown", "message": words}}],
        1,
    ),
    "qwen": lambda words: (
        [
            {
                "type": "result",
                "subtype": "error_during_execution",
                "is_error": True,
                "error": {"message": words},
            }
        ],
        1,
    ),
    "pi": lambda words: (
        [
            {"type": "message_end", "message": {**PI, "errorMessage": words}},
            {"type": "agent_settled"},
        ],
        0,
    ),
    "opencode": lambda words: (
        [{"type": "error", "error": {"name": "APIError", "data": {"message": words}}}],
        1,
    ),
    "copilot": lambda words: (
        [{"type": "session.error", "data": {"message": words}}, {"type": "result", "exitCode": 1}],
        1,
    ),
    "jsonl": lambda words: ([{"kind": "result", "ok": False, "text": words}], 1),
    "text": lambda words: (["I begin.", words], 1),
}


def friday(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def saturday(hour: int, minute: int = 0) -> datetime:
    return friday(hour, minute) + timedelta(days=1)


WORDINGS: list[tuple[str, datetime | None]] = [
    ("Claude AI usage limit reached|1795228200", saturday(2, 30)),
    ("Claude usage limit reached. Your limit will reset at 2pm (America/New_York).", saturday(19)),
    ("5-hour limit reached ∙ resets 2am", saturday(1)),
    ("You've hit your limit · resets 1am (Europe/Oslo)", saturday(0)),
    ("You've hit your session limit · resets 8:20pm (Asia/Kolkata)", saturday(14, 50)),
    ("You've hit your limit · resets 3am (Europe/London)", saturday(3)),
    ("You've hit your limit · resets 5am (Etc/GMT+5)", saturday(10)),
    ("You've hit your limit · resets 3 am (UTC+2)", saturday(1)),
    ("You've hit your limit · resets 6:15am (GMT+05:30)", saturday(0, 45)),
    ("You've hit your weekly limit · resets Nov 24, 2am (UTC)", saturday(2) + timedelta(days=3)),
    ("You've hit your weekly limit · resets Mon 9:00 AM (UTC)", saturday(9) + timedelta(days=2)),
    (
        "You've hit your weekly limit. It resets on Friday at 9:00 PM.",
        saturday(20) + timedelta(days=6),
    ),
    ("You've hit your Opus limit · resets Sat 3am", saturday(2)),
    ("You're out of extra usage · resets 3pm", saturday(14)),
    ("You’ve hit your usage limit. Upgrade to Pro or try again at 3:42 PM.", saturday(14, 42)),
    (
        "You've hit your usage limit. Try again at Nov 22nd, 2026 3:39 AM.",
        saturday(2, 39) + timedelta(days=1),
    ),
    (
        "You've hit your usage limit. Try again in 2 days 17 hours 14 minutes.",
        saturday(16, 44) + timedelta(days=2),
    ),
    (
        '{"type":"usage_limit_reached","resets_at":1795228200,"resets_in_seconds":10800}',
        saturday(2, 30),
    ),
    ('{"type":"usage_limit_reached","resets_in_seconds":10800}', saturday(2, 30)),
    ("2026-11-20T23:29:58Z ERROR usage limit reached, try again in 3 hours", saturday(2, 30)),
    ("2026-11-21 00:29:58 ERROR usage limit reached, resets 2026-11-21T06:00:00Z", saturday(6)),
    ("Quota exceeded, resets 2026-11-21 06:00 UTC", saturday(6)),
    ("Rate limit exceeded; next request after 2026-11-21T08:00:00+02:00", saturday(6)),
    ("429 Too Many Requests, retry-after: 5400", saturday(1)),
    ("429 Too Many Requests, Retry-After: Sat, 21 Nov 2026 02:28:00 GMT", saturday(2, 28)),
    ('RESOURCE_EXHAUSTED {"retryDelay": "51820.6s"}', friday(23, 30) + timedelta(seconds=51820.6)),
    (
        (
            "You exceeded your current quota, please check your plan and billing details. Please"
            " retry in 734s."
        ),
        friday(23, 42),
    ),
    ("[API Error: You have exhausted your daily quota on this model.]", saturday(8)),
    ("Quota exceeded for metric: generate_content_requests, limit: RequestsPerDay", saturday(8)),
    ("exceeded retry limit, last status: 429 Too Many Requests", None),
    (
        (
            "API Error: Request rejected (429) · Number of request tokens has exceeded your"
            " per-minute rate limit"
        ),
        None,
    ),
]
STOPS = [
    ("You've hit your individual spend limit · ask your admin", End.CREDIT),
    ("You've hit your organization's monthly spend limit · resets Dec 1, 12am (UTC)", End.CREDIT),
    ("You're out of extra usage", End.CREDIT),
    ("Credit balance is too low", End.CREDIT),
    ("Quota exceeded. Check your plan and billing details.", End.CREDIT),
    ("insufficient_quota: You exceeded your current quota, try again in 1h", End.CREDIT),
    ("402 Payment Required", End.CREDIT),
    ("Invalid API key · Please run /login", End.LOGIN),
    ("OAuth token has expired. Please obtain a new token", End.LOGIN),
    ("unexpected status 401 Unauthorized: Missing bearer", End.LOGIN),
]


def came(dialect: str, lines: list[object], code: int) -> AgentEnd:
    read = reader(dialect)
    texts = [(line if isinstance(line, str) else json.dumps(line)).encode() for line in lines]
    summary = reduce(after, (event for text in texts for event in read.feed(text)), Summary())
    return ended(summary, events=dialect, code=code, signal=None, by="self", now=NOW, zone=BERLIN)


@pytest.mark.parametrize("dialect", CARRIERS)
@pytest.mark.parametrize("stray", [False, True], ids=["told", "on standard error"])
def test_each_wording_is_waited_for_to_the_right_minute(dialect: str, stray: bool) -> None:
    for words, until in WORDINGS:
        end = (
            came(dialect, [f"Error: {words}"], 1)
            if stray
            else came(dialect, *CARRIERS[dialect](words))
        )
        found = end.window.resets_at and end.window.resets_at.replace(second=0, microsecond=0)
        assert (end.end, found) == (
            End.LIMIT,
            until and until.replace(second=0, microsecond=0),
        ), words


@pytest.mark.parametrize("dialect", CARRIERS)
@pytest.mark.parametrize("stray", [False, True], ids=["told", "on standard error"])
def test_what_does_not_come_back_by_waiting_is_for_the_person(dialect: str, stray: bool) -> None:
    for words, wanted in STOPS:
        end = (
            came(dialect, [f"Error: {words}"], 1)
            if stray
            else came(dialect, *CARRIERS[dialect](words))
        )
        assert (end.end, end.window.resets_at) == (wanted, None), words


def test_every_dialect_has_its_carrier() -> None:
    assert CARRIERS.keys() == DIALECTS.keys()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_forty_texts_that_only_mention_a_limit_are_waited_for_by_nobody(dialect: str) -> None:
    """Said at the end, read by a tool, or printed beside the stream, in a run that went well."""
    assert len(ONLY_MENTIONS) >= 40
    stream = (
        (STREAMS / f"{dialect}.jsonl").read_text() if dialect != "text" else '"files"\n"Done."\n'
    )
    for words in ONLY_MENTIONS:
        told = stream.replace('"Done."', json.dumps(words)).replace('"files"', json.dumps(words))
        assert told != stream
        assert came(dialect, [words, *told.splitlines()], 0).end is End.FINISHED, words


@pytest.mark.parametrize("words", ONLY_MENTIONS)
def test_a_program_that_prints_what_it_reads_fails_by_its_last_lines(words: str) -> None:
    assert (
        came(
            "text",
            [words, *(f"line {n} of a long story" for n in range(6)), "TypeError: x is undefined"],
            1,
        ).end
        is End.FAULT
    )


def window(status: str, five_hours: float, seven_days: float, **more: object) -> dict[str, object]:
    """As Claude Code 2.1 tells it, beside every answer of a subscription."""
    soon = {"utilization": five_hours, "resetsAt": 1795228200}
    full = {"five_hour": soon, "seven_day": {"utilization": seven_days, "resetsAt": 1795400000}}
    told = {
        "status": status,
        "resetsAt": 1795228200,
        "rateLimitType": "five_hour",
        "unifiedWindows": full,
        **more,
    }
    return {"type": "rate_limit_event", "rate_limit_info": told}


def claude(*windows: dict[str, object]) -> AgentEnd:
    good = json.loads((STREAMS / "claude.jsonl").read_text().splitlines()[-1])
    return came("claude", [*windows, good], 0)


def test_of_a_window_that_is_nearly_full_the_end_is_known() -> None:
    soon, late = (datetime.fromtimestamp(second, UTC) for second in (1795228200, 1795400000))
    assert claude(window("allowed", 0.89, 0.2)).window.full_until is None
    assert claude(window("allowed_warning", 0.9, 0.2)).window.full_until == soon
    assert claude(window("allowed", 1, 0.95)).window.full_until == late
    assert (
        claude(window("allowed", 0.95, 0.2), window("allowed", 0.01, 0.2)).window.full_until is None
    ), "it was reset meanwhile"
    older = {"status": "allowed_warning", "resetsAt": 1795228200, "utilization": 0.91}
    assert claude({"type": "rate_limit_event", "rate_limit_info": older}).window.full_until == soon
    own: list[object] = [
        {"kind": "limit", "status": "allowed", "full": 0.97, "resets_at": 1795228200},
        {"kind": "result", "ok": True},
    ]
    assert came("jsonl", own, 0).window.full_until == soon


def test_what_a_subscription_costs_is_a_list_price() -> None:
    assert claude(window("allowed", 0.1, 0.2)).window.listed
    assert not claude(window("allowed", 1, 0.2, isUsingOverage=True)).window.listed, (
        "extra usage is paid for"
    )
    assert not claude().window.listed, "an API key is paid for"


def test_what_names_no_end_is_waited_for_longer_each_time() -> None:
    assert [unknown(times).total_seconds() / 60 for times in (0, 1, 2, 3, 4, 100)] == [
        30,
        60,
        120,
        240,
        300,
        300,
    ]


def test_what_opencode_was_told_to_wait_stands_in_its_headers() -> None:
    data = {"message": "slow down", "statusCode": 429, "responseHeaders": {"retry-after": "5400"}}
    end = came("opencode", [{"type": "error", "error": {"name": "APIError", "data": data}}], 1)
    assert (end.end, end.window.resets_at) == (End.LIMIT, saturday(1))
