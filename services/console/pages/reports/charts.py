"""The report's charts as drawings: outcomes by day, quota use by day, and delivery."""

import math
from collections.abc import Iterator, Sequence
from datetime import date

from services.console.domain.reports.model import ComplianceReport, DayFigures, Delivery
from services.console.pages.reports.drawings import Drawing, Ink, Label, Line, Rect, Shape
from services.console.pages.reports.texts import share_of

WIDTH, HEIGHT = 680.0, 190.0
LEFT, TOP, BOTTOM = 44.0, 10.0, 24.0
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - 6.0, HEIGHT - TOP - BOTTOM
MAX_LABELS = 12
GROUPS = (
    (Ink.SENT, "sent"),
    (Ink.NO_MESSAGE, "no message needed"),
    (Ink.REFUSED, "refused"),
    (Ink.FAILED, "failed"),
)


def outcomes_chart(report: ComplianceReport) -> Drawing:
    """Stacked bars: the webhooks of each day by outcome."""
    days = report.outcomes.by_day
    top = _round_up(max((_answered(day) for day in days), default=0))
    shapes = [*_axis(top), *_day_labels([day.day for day in days])]
    for index, day in enumerate(days):
        shapes += _stacked_bars(index, len(days), day, top)
    busiest = max(days, key=_answered, default=None)
    summary = f"{report.outcomes.webhooks} webhooks on {len(days)} days."
    if busiest is not None and _answered(busiest):
        summary += f" Most on {busiest.day}: {_answered(busiest)}."
    return Drawing(WIDTH, HEIGHT, "Outcomes by day", summary, tuple(shapes), GROUPS)


def quota_chart(report: ComplianceReport) -> Drawing:
    """Bars: the daily quota use, with the limit as a line."""
    days, limit = report.outcomes.by_day, report.quota.daily_limit
    top = _round_up(max([limit, *(day.quota_used for day in days)]))
    shapes: list[Shape] = [*_axis(top), *_day_labels([day.day for day in days])]
    for index, day in enumerate(days):
        x, width = _slot(index, len(days))
        height = PLOT_HEIGHT * day.quota_used / top
        ink = Ink.FAILED if day.quota_used > limit else Ink.SENT
        if day.quota_used:
            shapes.append(Rect(x, _bottom() - height, width, height, ink, f"{day.day}: {day.quota_used} of {limit}"))
    y = _bottom() - PLOT_HEIGHT * limit / top
    shapes.append(Line(LEFT, y, LEFT + PLOT_WIDTH, y, Ink.LIMIT, dashed=True))
    summary = f"At most {report.quota.busiest_day_used} of {limit} a day."
    legend = ((Ink.SENT, "messages counted"), (Ink.LIMIT, f"daily limit, {limit:,}"))
    return Drawing(WIDTH, HEIGHT, "Quota use by day", summary, tuple(shapes), legend)


def delivery_chart(delivery: Delivery) -> Drawing:
    """Horizontal bars: sent, delivered, read and failed messages."""
    bars = (
        ("sent", delivery.sent, Ink.SENT),
        ("delivered", delivery.delivered, Ink.SENT),
        ("read", delivery.read, Ink.SENT),
        ("failed", delivery.failed, Ink.FAILED),
    )
    most = max([1, *(count for _, count, _ in bars)])
    row, left, widest = 22.0, 70.0, WIDTH - 70.0 - 110.0
    shapes: list[Shape] = []
    for index, (name, count, ink) in enumerate(bars):
        y, width = index * row + 4.0, widest * count / most
        share = f" ({share_of(count, delivery.sent)})" if delivery.sent and index else ""
        shapes += [Label(left - 8, y + 11, name, "end"), Rect(left, y, max(width, 0.6), 14.0, ink, f"{name}: {count}")]
        shapes.append(Label(left + width + 6, y + 11, f"{count:,}{share}"))
    summary = ", ".join(f"{name} {count}" for name, count, _ in bars)
    return Drawing(WIDTH, row * len(bars) + 6, "Delivery", summary, tuple(shapes))


def _answered(day: DayFigures) -> int:
    return day.sent + day.no_message + day.refused + day.failed


def _stacked_bars(index: int, of: int, day: DayFigures, top: int) -> Iterator[Rect]:
    x, width = _slot(index, of)
    y = _bottom()
    for ink, name in GROUPS:
        count: int = getattr(day, ink.value)
        height = PLOT_HEIGHT * count / top
        y -= height
        if count:
            yield Rect(x, y, width, height, ink, f"{day.day}: {count} {name}")


def _slot(index: int, of: int) -> tuple[float, float]:
    """Left edge and width of a day's bar; the width is limited, so that few days do not become blocks."""
    step = PLOT_WIDTH / max(of, 1)
    width = min(step * 0.72, 34.0)
    return LEFT + step * index + (step - width) / 2, width


def _bottom() -> float:
    return TOP + PLOT_HEIGHT


def _axis(top: int) -> list[Shape]:
    shapes: list[Shape] = []
    for part in range(5):
        y = _bottom() - PLOT_HEIGHT * part / 4
        shapes.append(Line(LEFT, y, LEFT + PLOT_WIDTH, y, Ink.AXIS))
        if top * part % 4 == 0:
            shapes.append(Label(LEFT - 6, y + 3.2, f"{top * part // 4:,}", "end"))
    return shapes


def _day_labels(days: Sequence[date]) -> list[Shape]:
    step = max(1, math.ceil(len(days) / MAX_LABELS))
    shapes: list[Shape] = []
    for index in range(0, len(days), step):
        x, width = _slot(index, len(days))
        same_year = index and days[index].year == days[index - step].year
        text = f"{days[index]:%d %b}" if same_year else f"{days[index]:%d %b %y}"
        shapes.append(Label(x + width / 2, HEIGHT - 7, text, "middle"))
    return shapes


def _round_up(most: int) -> int:
    """A round number of at least `most` that is divisible by four."""
    if most <= 4:  # noqa: PLR2004 -- one for each step
        return 4
    size: int = 10 ** (len(str(most)) - 1)
    steps = (size * tenths // 10 for tenths in (10, 12, 16, 20, 24, 32, 40, 60, 80, 100))
    return next(step for step in steps if step >= most and step % 4 == 0)
