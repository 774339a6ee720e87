"""An integration's business hours: outside of them a missed call becomes the event type `after_hours`."""

from datetime import date
from enum import StrEnum, unique
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from services.console.domain.fields import RequestBody, TimeZone, field_error

OpeningTime = Annotated[
    str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["09:00", "13:30"])
]
ClosingTime = Annotated[
    str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), Field(examples=["17:00", "24:00"])
]


@unique
class Weekday(StrEnum):
    """A day of the week, in the calendar's time zone."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Interval(RequestBody):
    """Opening hours within one day, `closes` excluded; `24:00` is the end of the day."""

    opens: OpeningTime
    closes: ClosingTime

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.closes <= self.opens:
            raise field_error("must close after it opens; hours over midnight are two intervals")
        return self


def _sorted_intervals(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    ordered = tuple(sorted(intervals, key=lambda interval: interval.opens))
    if any(later.opens < earlier.closes for earlier, later in pairwise(ordered)):
        raise field_error("must not overlap")
    return ordered


class BusinessHours(RequestBody):
    """A calendar; holidays and days without intervals are closed."""

    zone: TimeZone
    weekly: dict[Weekday, Annotated[tuple[Interval, ...], Field(max_length=12), AfterValidator(_sorted_intervals)]]
    """The opening intervals of each day."""
    holidays: Annotated[tuple[date, ...], Field(max_length=1000)] = ()
    """Dates that are closed regardless of the weekday."""
