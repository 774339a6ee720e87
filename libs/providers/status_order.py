"""The order of a message's statuses that come in one request: the publishing order, and what each one follows.

Providers batch statuses, in any order. Consumers run side by side, so each status also names the one before it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, Protocol, TypeVar

from libs.contracts.events import WhatsAppStatusReceived

_ORDER: Final = ("accepted", "sent", "delivered", "read", "played", "failed")


class _Identified(Protocol):
    """An event and its id."""

    @property
    def event(self) -> Any:
        """The event."""
        ...


Identified = TypeVar("Identified", bound=_Identified)


def in_status_order(events: Iterable[Identified]) -> list[tuple[Identified, str | None]]:
    """The events, with the statuses of each message in their order, and the status that each of these follows.

    Statuses take the places that statuses of the same message had; all other events keep theirs.
    """
    listed = list(events)
    places: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, each in enumerate(listed):
        if isinstance(each.event, WhatsAppStatusReceived):
            places[each.event.number_id, each.event.message_id].append(place)
    ordered: list[tuple[Identified, str | None]] = [(each, None) for each in listed]
    for taken in places.values():
        statuses = sorted((listed[place] for place in taken), key=_rank)
        previous: str | None = None
        for place, each in zip(taken, statuses, strict=True):
            ordered[place] = (each, previous)
            previous = each.event.status
    return ordered


def _rank(each: _Identified) -> int:
    status = each.event.status
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)
