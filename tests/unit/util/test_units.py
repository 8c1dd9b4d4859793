"""Durations, sizes and times of day as people write them."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.util import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("0.5s", 0.5), ("2d", 172800), ("1.5h", 5400)],
)
def test_a_duration_is_read_in_its_units(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "45", "m", "1m1h", "45 m", "-5m", "0s", "45min", "٤m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("5MB", 5 * 10**6), ("1.5 GiB", 3 * 2**29), ("100B", 100), ("4k", 4000)],
)
def test_a_size_is_read_in_its_units(text: str, count: int) -> None:
    assert units.size(text) == count


@pytest.mark.parametrize("text", ["", "2000", "GB", "2XB", "-1GB", "2 G B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        units.size(text)


@pytest.mark.parametrize("text", ["", "7", "24:00", "07:60", "7am", "07:00:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        units.clock(text)


@given(st.integers(1, 10**7))
def test_a_duration_shown_is_the_duration_read(seconds: int) -> None:
    assert units.duration(units.show_duration(seconds)) == seconds


@given(st.integers(1, 10**15))
def test_a_size_shown_is_the_size_read(count: int) -> None:
    assert units.size(units.show_size(count)) == count


def test_until_seven_is_today_before_seven_and_tomorrow_from_seven_on() -> None:
    zone = timezone(timedelta(hours=2))
    assert units.next_clock("07:00", datetime(2026, 11, 20, 23, 47, 5, tzinfo=zone)) == datetime(
        2026, 11, 21, 7, tzinfo=zone
    )
    assert units.next_clock("07:00", datetime(2026, 11, 21, 6, 59, tzinfo=zone)) == datetime(
        2026, 11, 21, 7, tzinfo=zone
    )
    assert units.next_clock("07:00", datetime(2026, 11, 21, 7, 0, tzinfo=zone)) == datetime(
        2026, 11, 22, 7, tzinfo=zone
    )
