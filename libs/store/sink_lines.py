"""Lines that wait to be shipped to the sink: what a restore must apply again (`libs.store.restore_lines`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SinkLine:
    """One line: the id of the event that it is made of, and the line as JSON text."""

    id: str
    text: str = field(repr=False)


class SinkLines(Protocol):
    """Lines that are stored and may not be in the sink yet."""

    async def add(self, lines: Sequence[SinkLine]) -> None:
        """Store the lines, durable when it returns. A line whose id waits already stays as it is."""

    async def unshipped(self, limit: int) -> Sequence[SinkLine]:
        """Lines that are not marked as shipped, in the order of their ids."""

    async def mark_shipped(self, ids: Sequence[str]) -> None:
        """Delete these lines; unknown ids are ignored."""
