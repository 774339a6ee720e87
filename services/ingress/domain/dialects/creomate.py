"""The dialect of creomate's webhook generator, in its 2022 and 2025 versions.

Traps: `hangup…` once named the start of a call. The end is sent again, with `FILES`, when the recording is ready.
`callerid` is the external party of outgoing calls too, and `inbound_did` repeats it then.
"""

from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields
from services.ingress.domain.dialects.generators import generator_call_from

PHASES: Final = {
    "ringing": Phase.RINGING,
    "hangupincoming": Phase.INCOMING_STARTED,
    "pickupincoming": Phase.INCOMING_STARTED,
    "hangupoutgoing": Phase.OUTGOING_STARTED,
    "pickupoutgoing": Phase.OUTGOING_STARTED,
    "incoming": Phase.INCOMING_ENDED,
    "outgoing": Phase.OUTGOING_ENDED,
}
ENDED: Final = frozenset({Phase.INCOMING_ENDED, Phase.OUTGOING_ENDED})


def call_from(fields: Fields) -> Call | None:
    """The call of an event; None for an event that the generator does not have."""
    phase = PHASES.get(fields.lowercase("event") or "")
    if phase is None:
        return None
    if phase in ENDED and fields.has_items("files"):
        phase = Phase.RECORDED
    return generator_call_from(fields, phase)
