"""An integration's calendar: in which hours a missed call is a missed call, and when it is `after_hours`."""

from datetime import date
from enum import StrEnum, unique
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from services.console.domain.fields import Asked, TimeZone, wrong

Opens = Annotated[
    str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["09:00", "13:30"])
]
Closes = Annotated[
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


class Interval(Asked):
    """From when (inside) to when (outside) on one day; `24:00` is the day's end."""

    opens: Opens
    closes: Closes

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.closes <= self.opens:
            raise wrong("must close after it opens; hours over midnight are two intervals")
        return self


def _in_order(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    ordered = tuple(sorted(intervals, key=lambda interval: interval.opens))
    if any(later.opens < earlier.closes for earlier, later in pairwise(ordered)):
        raise wrong("must not overlap")
    return ordered


class BusinessHours(Asked):
    """A calendar; a day that is not named is closed, and so is a holiday."""

    zone: TimeZone
    weekly: dict[Weekday, Annotated[tuple[Interval, ...], Field(max_length=12), AfterValidator(_in_order)]]
    """The opening intervals of each day."""
    holidays: Annotated[tuple[date, ...], Field(max_length=1000)] = ()
    """Days on which it is closed whatever the week says."""
