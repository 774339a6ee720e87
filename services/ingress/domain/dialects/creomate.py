"""The dialect of creomate's webhook generator, in its 2022 and 2025 versions.

Traps: `hangup…` once named the start of a call. The end is sent again, with `FILES`, when the recording is ready;
or `FILES` is sent alone.
`callerid` is the external party of outgoing calls too, and `inbound_did` repeats it then.
"""

from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields
from services.ingress.domain.dialects.generators import generator_call_from

PHASES: Final = {
    "ringing": Phase.RINGING,
    "dialing": Phase.DIALING,
    "dialling": Phase.DIALING,
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
    word, recorded = fields.lowercase("event"), fields.has_items("files")
    phase = PHASES.get(word or "")
    if recorded and (word is None or phase in ENDED):
        phase = Phase.RECORDED
    if phase is None:
        return None
    return generator_call_from(fields, phase)
