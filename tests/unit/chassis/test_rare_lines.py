"""A line that many events cause is written once a minute."""

from libs.chassis.rare_lines import LOG_SECONDS, RareLine


def test_a_line_is_due_at_first_and_then_once_a_minute() -> None:
    times = iter((0.0, 1.0, LOG_SECONDS - 1, LOG_SECONDS, LOG_SECONDS + 1, 5 * LOG_SECONDS))
    line = RareLine(lambda: next(times))

    due = [line.is_due() for _ in range(6)]

    assert due == [True, False, False, True, False, True]
