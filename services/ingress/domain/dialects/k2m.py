"""The dialect of k2m's webhook generator: creomate's with capitals, and other names for starts and recordings."""

from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields
from services.ingress.domain.dialects.generators import generator_call_from

PHASES: Final = {
    "ringing": Phase.RINGING,
    "dialing": Phase.DIALING,
    "incomingcall_started": Phase.INCOMING_STARTED,
    "outgoingcall_started": Phase.OUTGOING_STARTED,
    "incoming": Phase.INCOMING_ENDED,
    "outgoing": Phase.OUTGOING_ENDED,
    "recording": Phase.RECORDED,
}


def call_from(fields: Fields) -> Call | None:
    """The call of an event; None for an event that the generator does not have."""
    word = fields.lowercase("event")
    phase = PHASES.get(word or "")
    if word is None and fields.has_items("fileurls"):
        phase = Phase.RECORDED
    return None if phase is None else generator_call_from(fields, phase)
