"""Durations, sizes and clock times as people write them: "1h30m", "2GB", "07:00"."""

import re
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SPANS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SCALES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_DURATION = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in SPANS))
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt]i?)b?|b)", re.IGNORECASE)
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def duration(text: str) -> float:
    """Return the seconds of "45m", "1h30m", "90s" or "0.5s". Raises ValueError for anything else,
    also for a bare number."""
    found = _DURATION.fullmatch(text)
    seconds = (
        sum(
            float(amount) * span
            for amount, span in zip(found.groups("0"), SPANS.values(), strict=True)
        )
        if found
        else 0.0
    )
    if not seconds:
        raise ValueError(f"not a duration: {text!r}")
    return seconds


def size(text: str) -> int:
    """Return the bytes of "2GB", "512 MiB" or "100B". Raises ValueError for anything else, also for
    a bare number."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"not a size: {text!r}")
    return int(float(found[1]) * _SCALES[(found[2] or "").lower()])


def clock(text: str) -> time:
    """Return the time of day of "07:00". Raises ValueError for anything else."""
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError(f"not a time of day: {text!r}")
    return time(int(found[1]), int(found[2]))


def next_clock(text: str, now: datetime) -> datetime:
    """Return the next moment after `now` at which a clock in now's zone shows this time."""
    at = clock(text)
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def show_duration(seconds: float) -> str:
    """Return the shortest text that `duration` reads back: "1h30m"; nothing for none."""
    told = ""
    for unit, span in SPANS.items():
        amount = seconds if unit == "s" else seconds // span
        seconds -= amount * span
        told += f"{amount:g}{unit}" if amount else ""
    return told


def show_size(count: int) -> str:
    """Return the shortest text that `size` reads back: "2GB"; nothing for none."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1)):
        if count and count % scale == 0:
            return f"{count // scale}{unit}"
    return ""


def zone_of(name: str | None) -> tzinfo | None:
    """Return a zone by its name, None where it is unknown."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
