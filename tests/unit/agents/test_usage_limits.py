"""Error texts of agents, as they were seen in the wild or recorded, and the times they name."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.agents.usage_limits import from_epoch, reset_time, sort_of

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Claude AI usage limit reached|1795228200", at(21, 2, 30)),
        ("Claude AI usage limit reached|1795228200000", at(21, 2, 30)),
        ('{"type":"usage_limit_reached","resets_at":1795228200}', at(21, 2, 30)),
        ('{"resets_in_seconds": 5400}', at(21, 1)),
        ("You’ve hit your usage limit. Try again in 2 days 17 hours 14 minutes.", at(23, 16, 44)),
        ("try again in 45 minutes", at(21, 0, 15)),
        ("Please retry in 1h30m.", at(21, 1)),
        ("Your quota will reset after 3h20m5s.", at(21, 2, 50) + timedelta(seconds=5)),
        ('"retryDelay": "3600.5s"', at(21, 0, 30) + timedelta(seconds=0.5)),
        (
            "You exceeded your current quota. Please retry in 734.07s.",
            NOW + timedelta(seconds=734.07),
        ),
        ("retry-after: 120", at(20, 23, 32)),
        ("5-hour limit reached ∙ resets 2am", at(21, 1)),
        (
            "Claude usage limit reached. Your limit will reset at 2pm (America/New_York).",
            at(21, 19),
        ),
        ("You've hit your limit · resets 1am (Europe/Oslo)", at(21, 0)),
        ("You've hit your session limit · resets 8:20pm (Asia/Tokyo)", at(21, 11, 20)),
        ("You've hit your 5-hour limit · resets 8:23am (UTC)", at(21, 8, 23)),
        ("You've hit your limit · resets 3am (Middle/Earth)", at(21, 2)),
        ("try again at 3:42 PM.", at(21, 14, 42)),
        ("try again at 14:05", at(21, 13, 5)),
        ("resets 12am (UTC)", at(21, 0)),
        ("resets 12pm (UTC)", at(21, 12)),
        ("try again at Nov 24th, 2026 3:39 AM.", at(24, 2, 39)),
        ("Weekly limit reached · resets Nov 24, 2am (UTC)", at(24, 2)),
        ("resets Nov 25 at 5:15pm (UTC)", at(25, 17, 15)),
        ("available again 2026-11-21T06:00:00Z", at(21, 6)),
        ("available again 2026-11-21T08:00:00.5+02:00", at(21, 6) + timedelta(seconds=0.5)),
    ],
)
def test_a_reset_time_is_read_in_every_form_it_came_in(text: str, when: datetime) -> None:
    assert reset_time(text, NOW, BERLIN) == when


@pytest.mark.parametrize(
    "text",
    [
        "You've hit your individual spend limit",
        "rate limit exceeded",
        "exceeded retry limit, last status: 429 Too Many Requests",
        "line 12: the clock says 3:42 PM",
        "try again at line 12",
        "resets 25:99",
        "resets Feb 31, 3am",
        "resets 2026-13-41T99:99:99Z",
        "",
    ],
)
def test_a_text_that_names_no_time_has_none(text: str) -> None:
    assert reset_time(text, NOW, UTC) is None


def test_a_reset_is_never_in_the_past_nor_further_than_any_limit_lasts() -> None:
    assert reset_time("limit reached|1000000000", NOW, UTC) == NOW + timedelta(seconds=60)
    assert reset_time("limit reached|4102444800", NOW, UTC) == NOW + timedelta(days=8)
    assert from_epoch(0, NOW) == NOW + timedelta(seconds=60)
    assert from_epoch(1e300, NOW) == NOW + timedelta(seconds=60)


def test_a_clock_time_that_has_just_passed_is_not_a_day_away() -> None:
    assert reset_time("resets 11:29pm", NOW, UTC) == NOW + timedelta(seconds=60)
    assert reset_time("resets 11pm", NOW, UTC) == at(21, 23)


def test_a_clock_that_is_set_back_in_the_night_is_read_as_it_will_show() -> None:
    before = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # half past one in Berlin, in summer
    assert reset_time("resets 5am", before, BERLIN) == datetime(2026, 10, 25, 4, tzinfo=UTC)


def test_the_turn_of_the_year_is_crossed() -> None:
    eve = datetime(2026, 12, 31, 22, tzinfo=timezone(timedelta(hours=-1)))
    assert reset_time("resets Jan 2, 3am (UTC)", eve, UTC) == datetime(2027, 1, 2, 3, tzinfo=UTC)


@given(st.text(), st.sampled_from(["", "resets ", "try again in ", "|", "retryDelay: "]))
def test_no_text_breaks_the_reading_of_times(text: str, before: str) -> None:
    when = reset_time(before + text, NOW, UTC)
    assert when is None or NOW < when <= NOW + timedelta(days=8)


@pytest.mark.parametrize(
    ("text", "status", "sort"),
    [
        (
            (
                "API Error: Request rejected (429) · Number of request tokens has exceeded your"
                " per-minute rate limit"
            ),
            429,
            "limit",
        ),
        ("exceeded retry limit, last status: 429 Too Many Requests", 0, "limit"),
        ("You’ve hit your usage limit. Upgrade to Pro or try again at 8:12 AM.", 0, "limit"),
        ("You've hit your weekly limit · resets Nov 24, 2am (UTC)", 0, "limit"),
        ("You're out of extra usage · resets 3pm", 0, "limit"),
        ("[API Error: You have exhausted your daily quota on this model.]", 0, "limit"),
        (
            (
                "You exceeded your current quota, please check your plan and billing details."
                " Please retry in 34.07s."
            ),
            429,
            "limit",
        ),
        ('{"status": "RESOURCE_EXHAUSTED"}', 0, "limit"),
        ("Quota exceeded. Check your plan and billing details.", 0, "credit"),
        ("You've hit your individual spend limit · ask your admin", 0, "credit"),
        ("You're out of extra usage", 0, "credit"),
        ("Credit balance is too low", 400, "credit"),
        ("Payment Required", 402, "credit"),
        ("Prompt is too long · the request is ~215000 tokens (limit 200000)", 400, "context"),
        ("Codex ran out of room in the model's context window. Start a new thread", 0, "context"),
        (
            (
                '400: {"code":"context_length_exceeded","message":"This model\'s maximum context'
                ' length is 128000 tokens"}'
            ),
            0,
            "context",
        ),
        (
            (
                "The input token count (1200000) exceeds the maximum number of tokens allowed"
                " (1048576)."
            ),
            400,
            "context",
        ),
        ("Reached maximum number of turns (2)", 0, "turns"),
        ("FatalTurnLimitedError: Reached max session turns for this session.", 0, "turns"),
        ("Invalid API key · Please run /login", 0, "login"),
        ("OAuth token has expired. Please obtain a new token", 401, "login"),
        ("unexpected status 401 Unauthorized: Missing bearer", 0, "login"),
        ("API key not valid. Please pass a valid API key.", 400, "login"),
        ("Not logged in", 0, "login"),
        ("API Error: 529 Overloaded. This is a server-side issue", 529, "overloaded"),
        ("Selected model is at capacity. Please try a different model.", 0, "overloaded"),
        (
            "We’re currently experiencing high demand, which may cause temporary errors.",
            0,
            "overloaded",
        ),
        ("529: rate limit of the upstream reached", 529, "overloaded"),
        (
            "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
            0,
            "",
        ),
        ("stream disconnected before completion: stream closed before response.completed", 0, ""),
        ("[API Error: terminated]", 0, ""),
        ("Connection error.", 0, ""),
    ],
)
def test_an_error_is_sorted_by_what_it_is_about(text: str, status: int, sort: str) -> None:
    assert sort_of(text, status) == sort
