"""Charts as values: shapes in points, drawn by whoever knows a medium. The origin is at the top left."""

from dataclasses import dataclass, field
from enum import StrEnum, unique


@unique
class Ink(StrEnum):
    """What a shape stands for; each medium has its colours."""

    SENT = "sent"
    NO_MESSAGE = "no_message"
    REFUSED = "refused"
    FAILED = "failed"
    LIMIT = "limit"
    AXIS = "axis"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle; `title` says what it shows to who points at it."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A thin line."""

    x1: float
    y1: float
    x2: float
    y2: float
    ink: Ink
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A short text; `anchor` is `start`, `middle` or `end`."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    ink: Ink = Ink.TEXT


Shape = Rect | Line | Label


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart; `title` and `summary` say what it shows to who cannot see it."""

    width: float
    height: float
    title: str
    summary: str
    shapes: tuple[Shape, ...]
    legend: tuple[tuple[Ink, str], ...] = field(default=())
