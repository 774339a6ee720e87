"""A call in dialect-independent form, and its translation to an event (the table in docs/threecx.md)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookPayload
from libs.contracts.phone_numbers.written import written_number
from libs.store.accounts import Integration
from services.ingress.domain.dialects.business_hours import is_open


class Phase(Enum):
    """What happened to the call."""

    RINGING = auto()
    DIALING = auto()
    """The phone of the callee of an outgoing call rings."""
    INCOMING_STARTED = auto()
    OUTGOING_STARTED = auto()
    INCOMING_ENDED = auto()
    OUTGOING_ENDED = auto()
    RECORDED = auto()


OUTGOING: Final = frozenset({Phase.DIALING, Phase.OUTGOING_STARTED, Phase.OUTGOING_ENDED})
RINGING, RECORDING = "ringing", "recording_available"
"""Events that are only recorded."""
EVENT_BY_PHASE: Final = {
    Phase.DIALING: RINGING,
    Phase.INCOMING_STARTED: EventType.CALL_STARTED,
    Phase.OUTGOING_STARTED: EventType.CALL_STARTED,
    Phase.OUTGOING_ENDED: EventType.CALL_ENDED,
    Phase.RECORDED: RECORDING,
}
QUEUES: Final = frozenset({"queue", "queue_callback"})
ROLES: Final = {"queue": "queue", "ext": "ext", "other": "ivr"}
MIN_PHONE_DIGITS: Final = 6
"""Fewest digits of a phone number (Andorra); shorter numbers are extensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, independent of its dialect."""

    phase: Phase
    number: str | None = field(repr=False)
    """The external party."""
    user: str | None
    """The extension, or the number of the IVR or queue."""
    user_type: str | None
    answered: bool | None
    did: str | None
    """The called number of the company, or its name."""
    call_id: str | None
    at: str | None
    """The time of the call, as the phone system writes it."""
    queue: str | None = None
    """The queue of the call, in dialects that send it in addition to the extension."""
    identifying_time: str | None = None
    """The time that identifies a call of this number when there is no `call_id`."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A body in the gateway's terms.

    `deduplication_key` is equal for two bodies about the same event of a call; None when that is unknown. Events with
    `record_only` are recorded and not sent to policy.
    """

    dialect: str
    payload: WebhookPayload
    deduplication_key: tuple[str, ...] | None = field(default=None, repr=False)
    record_only: bool = False


def call_translation(call: Call, dialect: str, integration: Integration, *, now: datetime) -> Translation:
    """Translate a call with the integration's extension roles and business hours."""
    roles = integration.extension_roles
    default = "queue" if call.queue else ROLES.get(call.user_type or "", "")
    role = roles.get(call.queue or call.user or "") or default
    hours = integration.business_hours
    event = _event_of(call, role, in_hours=hours is None or is_open(hours, now))
    outgoing = call.phase in OUTGOING
    number = customer_number(call, integration)
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
    identifying_time = (
        call.call_id or f"{_digits(call.number or '')}|{call.identifying_time or f'{now:%Y-%m-%dT%H:%M}'}"
    )
    return Translation(dialect, payload, (dialect, identifying_time, event), event in {RINGING, RECORDING})


def _event_of(call: Call, role: str, *, in_hours: bool) -> str:
    if call.phase is Phase.RINGING:
        return EventType.QUEUE_EVENT if role in QUEUES else RINGING
    if call.phase is Phase.INCOMING_ENDED:
        return _ended(call, role, in_hours=in_hours)
    return EVENT_BY_PHASE[call.phase]


def _ended(call: Call, role: str, *, in_hours: bool) -> EventType:
    """The event for the end of an incoming call; a call to voicemail is one even when it was answered."""
    if role == "voicemail":
        return EventType.VOICEMAIL
    if call.answered is not False:
        return EventType.CALL_ENDED
    if not in_hours:
        return EventType.AFTER_HOURS
    return EventType.QUEUE_CALLBACK if role == "queue_callback" else EventType.MISSED_CALL


def customer_number(call: Call, integration: Integration) -> str | None:
    """The external party's number; None for an extension, a word such as `anonymous`, or a number of the company."""
    digits = _digits(call.number or "")
    if len(digits) < MIN_PHONE_DIGITS or not integration.extension_roles.keys().isdisjoint({call.number or "", digits}):
        return None
    called = _digits(call.did or "") if call.phase not in OUTGOING else ""
    return None if len(called) >= MIN_PHONE_DIGITS and _is_same_number(digits, called) else call.number


def _digits(text: str) -> str:
    """The digits of a number, without those of an address around it; of any other text, all digits."""
    written = written_number(text)
    return re.sub(r"[^0-9]", "", text) if written is None else written.digits


def _is_same_number(one: str, other: str) -> bool:
    """True when one is the national and the other the international form of a number: they end alike."""
    one, other = one.lstrip("0"), other.lstrip("0")
    return min(len(one), len(other)) >= MIN_PHONE_DIGITS and (one.endswith(other) or other.endswith(one))
