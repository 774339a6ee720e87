"""Reads the parts of a provider's webhook request one by one, and collects what they led to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from uuid import UUID

from libs.providers.customers import canonical_names
from libs.providers.inbound import UNREAD, Inbound, InboundEvent, Part, Skip, UnknownField, UnreadablePost
from libs.providers.json_values import Json
from libs.providers.status_order import in_status_order


def inbound_from(parts: Iterable[Part]) -> Inbound:
    """Collect the parts of one request; an event whose id occurs twice is kept once.

    The customers get their canonical numbers here, for every provider and kind of event, and statuses their order.
    """
    events: dict[UUID, InboundEvent] = {}
    skipped: Counter[Skip] = Counter()
    fields: Counter[str] = Counter()
    unreadable: list[UnreadablePost] = []
    for part in parts:
        match part:
            case InboundEvent():
                events.setdefault(part.id, _with_canonical_names(part))
            case UnreadablePost():
                unreadable.append(part)
            case UnknownField():
                skipped[Skip.UNKNOWN_FIELD] += 1
                fields[part.name] += 1
            case _:
                skipped[part] += 1
    ordered = tuple(_following(each, previous) for each, previous in in_status_order(events.values()))
    return Inbound(ordered, skipped, fields, tuple(unreadable))


def _following(part: InboundEvent, previous: str | None) -> InboundEvent:
    """The status that follows another one of the same message in its request."""
    if previous is None:
        return part
    return replace(part, event=part.event.model_copy(update={"follows": previous}))


def _with_canonical_names(found: InboundEvent) -> InboundEvent:
    """The event with the canonical number of its customer, whichever digits the provider wrote."""
    changes = canonical_names(dict(found.event))
    return replace(found, event=found.event.model_copy(update=changes)) if changes else found


def read_alone(
    document: Json, read: Callable[[Json], Iterable[Part]], *, phone_number_id: str | None = None
) -> Iterator[Part]:
    """The parts of a request that says one thing. What cannot be read, fails its reader or leads to nothing is kept.

    A customer whom nothing names is unreadable too: the next release may know where to look.
    """
    try:
        parts = list(read(document)) or [Skip.UNREADABLE]
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        # A reader must not raise. If it does, the part alone waits for the release that mends it.
        parts = [Skip.UNREADABLE]
    yield from parts
    if not UNREAD.isdisjoint(part for part in parts if isinstance(part, Skip)):
        yield UnreadablePost(document, phone_number_id)
