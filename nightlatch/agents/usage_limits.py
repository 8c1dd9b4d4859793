"""What the error texts of agents mean: a limit and when it ends, a full context, a missing
login, no credit, an overload."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from nightlatch.util.units import SPANS, zone_of

SOONEST = timedelta(seconds=60)
LATEST = timedelta(days=8)
UNKNOWN = timedelta(minutes=30)
LONGEST_UNKNOWN = timedelta(hours=5)
FULL = 0.9  # of a reported window: no session starts above it
JUST_PASSED = timedelta(minutes=10)
TAIL = 2_000
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)

_TURNS = re.compile(r"(?i)max(imum)?[ _]?(number of )?(session )?turns|FatalTurnLimited|turn limit")
_CONTEXT = re.compile(
    r"(?i)prompt (is )?too long|context[ _]length|context window|(maximum|max) context|ran out of"
    r" room|context[ _]limit"
    r"|input token count.{0,40}exceeds|exceeds the (maximum|model's).{0,30}tokens|input is too long"
)
_SPENT = re.compile(
    r"(?i)credit balance|insufficient[ _](quota|credits?|funds|balance)|spend(ing)? (limit|cap)|out"
    r" of credits?\b"
    r"|payment required|budget (has been )?exceeded"
)
_CREDIT = re.compile(r"(?i)billing|out of extra usage")
_LIMIT = re.compile(
    r"(?i)(rate|usage|session|weekly|daily|hourly|\d-hour|request|token|message|model|opus"
    r"|sonnet)s?["
    r" _-]?limit"
    r"|limit.{0,40}(reached|hit|exceeded)|(hit|reached|exceeded) (your|the) .{0,40}limit|out of"
    r" (extra )?usage"
    r"|quota|resource.?exhausted|too many requests|\b429\b"
)
_LOGIN = re.compile(
    r"(?i)\b401\b|unauthori[sz]ed|authentication|not logged in|(please )?run /login|log ?in"
    r" (again|first)"
    r"|invalid.{0,20}(api.?key|token|credentials)|token (has )?(expired|been revoked)|no api.?key"
    r"|(api.?key|credentials).{0,20}(missing|not found|not set|not valid|invalid|expired)"
)
_BUSY = re.compile(
    r"(?i)overloaded|at capacity|high demand|unavailable|internal server"
    r" error|\b5(00|02|03|04|29)\b"
)

_EPOCH = re.compile(r"""(?i)(?:\||resets?_?at["']?\s*[:=]\s*)(\d{10})(?:\d{3})?\b""")
_UNIT = r"(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
_SPAN = re.compile(
    r"""(?i)(?:\b(?:in|after)\s+(?:about\s+)?|retry_?delay["']?\s*[:=]\s*["']?)"""
    rf"((?:\d+(?:\.\d+)?\s*{_UNIT}(?:\b|(?=\d))[\s,]*(?:and\s+)?)+)"
)
_SECONDS = re.compile(
    r"""(?i)(?:resets_in_seconds|retry-after)["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)\b"""
)
_PART = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*([dhms])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(
    r"(?i)\b(?:resets?|again|until|available|renews?|retry)\b[^\n.;]{0,24}?"
    rf"(?:\b(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?:(?P<year>20\d\d),?\s+)?(?:at\s+)?"
    rf"|\b(?P<weekday>{'|'.join(_DAYS)})(?:[a-z]*day|s|r|rs)?,?\s+(?:at\s+)?)?"
    r"\b(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?:\s*(?P<half>[ap])\.?m\b\.?)?"
    r"(?:\s*\(?(?P<zone>(?:UTC|GMT)(?P<ahead>[+-]\d{1,2})?(?::?(?P<minutes>\d\d))?"
    r"|[A-Z][A-Za-z_]+/[A-Za-z0-9_/+-]+)\)?)?"
)
_DATE = re.compile(
    r"\b(20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)( ?(?:Z|UTC|GMT)\b|[+-]\d\d:?\d\d)?"
)
_HTTP_DATE = re.compile(r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT\b")
_DAILY = re.compile(r"(?i)daily (quota|limit)|quota.{0,60}per.?day|requests.?per.?day")
_PACIFIC = "America/Los_Angeles"  # where the day of a daily quota of Google's ends


def sort_of(text: str, status: int = 0) -> str:
    """Return what an error is about: turns, context, credit, limit, login, overloaded or ""
    (unknown).

    Never ask it about text of a good run.
    """
    if _TURNS.search(text):
        return "turns"
    # Before the limits: "context limit exceeded" has the words of both.
    if _CONTEXT.search(text):
        return "context"
    if status == 402 or _says_no_credit(text):
        return "credit"
    if status in {500, 502, 503, 504, 529}:
        return "overloaded"
    # A 403 may be either: its words tell.
    if status == 429 or (status in {0, 403} and _LIMIT.search(text)):
        return "limit"
    if status in {401, 403} or _LOGIN.search(text):
        return "login"
    return "overloaded" if _BUSY.search(text) else ""


def _says_no_credit(text: str) -> bool:
    """Does a text say that money is lacking?"""
    if _SPENT.search(text):
        return True
    # With a time at which it goes on, it is a limit that a subscription has.
    return _CREDIT.search(text) is not None and moment(text, _SOME_DAY, UTC) is None


def reset_time(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return when a limit ends by its own words, in UTC, within [now + 60 s, now + 8 d]; None if it
    does not say. Bare clocks show `zone`."""
    when = moment(text, now, zone)
    return None if when is None else clamp(when, now)


def clamp(when: datetime, now: datetime) -> datetime:
    """Return a moment that is worth waiting for: neither passed nor beyond the longest limit that
    anyone sells."""
    return min(max(when, now + SOONEST), now + LATEST).astimezone(UTC)


def from_epoch(seconds: float, now: datetime) -> datetime:
    """Return a reset given as epoch seconds, or milliseconds, clamped."""
    seconds = seconds / 1000 if seconds > 1e11 else seconds
    if not 0 <= seconds < 1e11:
        return now + SOONEST
    return clamp(datetime.fromtimestamp(seconds, UTC), now)


def moment(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the first moment that the text names, most exact form first."""
    text = text[-TAIL:]
    if found := _EPOCH.search(text):
        return datetime.fromtimestamp(int(found[1]), UTC)
    if ahead := _date_ahead(text, now, zone):
        return ahead
    if found := _SECONDS.search(text):
        return now + timedelta(seconds=min(float(found[1]), 1e7))
    if found := _SPAN.search(text):
        seconds = sum(float(n) * SPANS[unit.lower()] for n, unit in _PART.findall(found[1]))
        return now + timedelta(seconds=min(seconds, 1e7))
    clocks = (_clock(clock, now, zone) for clock in _CLOCK.finditer(text))
    if when := next(filter(None, clocks), None):
        return when
    return _midnight(now, zone_of(_PACIFIC) or zone) if _DAILY.search(text) else None


def _date_ahead(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the first date in a text that is still to come."""
    dates = (_date(found, zone) for form in (_DATE, _HTTP_DATE) for found in form.finditer(text))
    # One that is not is the time of a line in a log.
    return next((when for when in dates if when and when > now), None)


def unknown(times: int) -> timedelta:
    """Return how long to wait where no word says it: longer each time in a row that it was not long
    enough."""
    return min(UNKNOWN * (1 << min(times, 9)), LONGEST_UNKNOWN)


def _midnight(now: datetime, zone: tzinfo) -> datetime:
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(
        days=1
    )


def _date(found: re.Match[str], zone: tzinfo) -> datetime | None:
    """Return a date as ISO or HTTP write it; one that names no zone is a clock's of ours."""
    try:
        if found.re is _HTTP_DATE:
            return datetime.strptime(found[0], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        offset = (found[2] or "").strip()
        when = datetime.fromisoformat(found[1] + ("+00:00" if offset.isalpha() else offset))
        return when if when.tzinfo else when.replace(tzinfo=zone)
    except ValueError:
        return None


def _clock(found: re.Match[str], now: datetime, zone: tzinfo) -> datetime | None:
    """Return the next time that a clock shows this; None for a number that is no clock time."""
    if not (found["half"] or found["minute"]):
        return None
    hour = (
        int(found["hour"]) % 12 + (12 if found["half"].lower() == "p" else 0)
        if found["half"]
        else int(found["hour"])
    )
    try:
        local = now.astimezone(_offset(found) or zone_of(found["zone"]) or zone)
        when = local.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
        return (
            _dated(when, found, local) if found["month"] else _next(when, local, found["weekday"])
        )
    except ValueError:
        return None


def _next(when: datetime, now: datetime, weekday: str | None) -> datetime:
    """Today, or tomorrow, or the next such weekday if that is long past; a reset that has just
    passed is not a day away."""
    days = (_DAYS.index(weekday.lower()) - when.weekday()) % 7 if weekday else 0
    when += timedelta(days=days)
    return when if when > now - JUST_PASSED else when + timedelta(days=7 if weekday else 1)


def _dated(when: datetime, found: re.Match[str], now: datetime) -> datetime:
    month = _MONTHS.index(found["month"].lower()) + 1
    dated = when.replace(year=int(found["year"] or when.year), month=month, day=int(found["day"]))
    passed = not found["year"] and dated < now - timedelta(days=180)
    return dated.replace(year=dated.year + 1) if passed else dated


def _offset(found: re.Match[str]) -> tzinfo | None:
    """UTC+2 and the like."""
    hours, minutes = int(found["ahead"] or 0), int(found["minutes"] or 0)
    return (
        timezone(timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes))
        if found["ahead"]
        else None
    )
