"""A call as a generator tells of it, and the event of ours that follows from it (the table of docs/threecx.md)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookPayload
from libs.store.accounts import Integration
from services.ingress.domain.dialects.calendar import is_open


class Phase(Enum):
    """What happened to the call."""

    RINGING = auto()
    INCOMING_STARTED = auto()
    OUTGOING_STARTED = auto()
    INCOMING_ENDED = auto()
    OUTGOING_ENDED = auto()
    RECORDED = auto()


OUTGOING: Final = frozenset({Phase.OUTGOING_STARTED, Phase.OUTGOING_ENDED})
RINGING, RECORDING = "ringing", "recording_available"
"""Events that are recorded and lead to nothing: they never leave ingress but for the record."""
PLAIN: Final = {
    Phase.INCOMING_STARTED: EventType.CALL_STARTED,
    Phase.OUTGOING_STARTED: EventType.CALL_STARTED,
    Phase.OUTGOING_ENDED: EventType.CALL_ENDED,
    Phase.RECORDED: RECORDING,
}
QUEUES: Final = frozenset({"queue", "queue_callback"})
ROLES: Final = {"queue": "queue", "ext": "ext", "other": "ivr"}
SHORTEST: Final = 7
"""Digits of the shortest phone; what has fewer is an extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, in no dialect."""

    phase: Phase
    number: str | None = field(repr=False)
    """The external party."""
    user: str | None
    """The extension, or the number of the IVR or queue."""
    user_type: str | None
    answered: bool | None
    did: str | None
    """Our number in the call, or its name."""
    call_id: str | None
    at: str | None
    """When it was, in the phone system's words."""
    queue: str | None = None
    """The queue that the call came through, where that is told beside the extension."""
    moment: str | None = None
    """What tells two calls of one number apart where there is no `call_id`."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A body in our words. `subject` is equal for two bodies that tell of the same thing; None: nobody can tell.

    `internal` events are recorded and answered at the door.
    """

    dialect: str
    payload: WebhookPayload
    subject: tuple[str, ...] | None = field(default=None, repr=False)
    internal: bool = False


def translation_of(call: Call, dialect: str, integration: Integration, *, now: datetime) -> Translation:
    """What the call means for this integration, with its extensions and its calendar."""
    roles = integration.extension_roles
    told = "queue" if call.queue else ROLES.get(call.user_type or "", "")
    role = roles.get(call.queue or call.user or "") or told
    hours = integration.business_hours
    event = _event_of(call, role, in_hours=hours is None or is_open(hours, now))
    outgoing = call.phase in OUTGOING
    number = customers_number(call, integration)
    payload = WebhookPayload(
        event_type=event,
        caller=None if outgoing else number,
        to=number if outgoing else None,
        agent_extension=call.user if call.queue or role in {"", "ext"} else None,
        queue=call.queue or (call.user if role in QUEUES else None),
        call_time=call.at,
        direction="outbound" if outgoing else "inbound",
        answered=call.answered,
        did=call.did,
    )
    moment = call.call_id or f"{_digits(call.number or '')}|{call.moment or f'{now:%Y-%m-%dT%H:%M}'}"
    return Translation(dialect, payload, (dialect, moment, event), event in {RINGING, RECORDING})


def _event_of(call: Call, role: str, *, in_hours: bool) -> str:
    if call.phase is Phase.RINGING:
        return EventType.QUEUE_EVENT if role in QUEUES else RINGING
    if call.phase is Phase.INCOMING_ENDED:
        return _ended(call, role, in_hours=in_hours)
    return PLAIN[call.phase]


def _ended(call: Call, role: str, *, in_hours: bool) -> EventType:
    """Which end an incoming call came to; a voicemail is one also when it says that the call was answered."""
    if role == "voicemail":
        return EventType.VOICEMAIL
    if call.answered is not False:
        return EventType.CALL_ENDED
    if not in_hours:
        return EventType.AFTER_HOURS
    return EventType.QUEUE_CALLBACK if role == "queue_callback" else EventType.MISSED_CALL


def customers_number(call: Call, integration: Integration) -> str | None:
    """The external party's number; None for an extension, a word such as `anonymous`, or a number of our own."""
    digits = _digits(call.number or "")
    if len(digits) < SHORTEST or not integration.extension_roles.keys().isdisjoint({call.number or "", digits}):
        return None
    ours = _digits(call.did or "") if call.phase not in OUTGOING else ""
    return None if len(ours) >= SHORTEST and _same(digits, ours) else call.number


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _same(one: str, other: str) -> bool:
    """National and international forms of a number end alike."""
    one, other = one.lstrip("0"), other.lstrip("0")
    return min(len(one), len(other)) >= SHORTEST and (one.endswith(other) or other.endswith(one))
