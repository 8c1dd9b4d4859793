"""The clocks of this machine: the zone that its person reads times in."""

import os
from datetime import UTC, datetime, tzinfo

from nightlatch.util.units import zone_of


def zone() -> tzinfo:
    """Return the local time zone: with summer time where the zone's name is known, else the fixed
    offset of now."""
    named = zone_of(
        os.environ.get("TZ", "").lstrip(":")
        or os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    )
    return named or datetime.now(UTC).astimezone().tzinfo or UTC


def local(now: datetime) -> datetime:
    """Return a moment in the local time zone."""
    return now.astimezone(zone())
