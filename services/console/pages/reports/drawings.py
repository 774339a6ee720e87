"""`Drawing`: a chart as shapes, independent of its format. Lengths are in points; the origin is at the top left."""

from dataclasses import dataclass, field
from enum import StrEnum, unique


@unique
class Ink(StrEnum):
    """The meaning of a shape; each format maps it to a colour."""

    SENT = "sent"
    NO_MESSAGE = "no_message"
    REFUSED = "refused"
    FAILED = "failed"
    LIMIT = "limit"
    AXIS = "axis"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle; `title` is its tooltip."""

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
    """A chart; `title` and `summary` are its text alternative."""

    width: float
    height: float
    title: str
    summary: str
    shapes: tuple[Shape, ...]
    legend: tuple[tuple[Ink, str], ...] = field(default=())
