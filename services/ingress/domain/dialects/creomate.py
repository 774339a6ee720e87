"""The words of creomate's webhook generator, old (2022) and new (2025) alike.

Traps: `hangup…` once named the start of a call; the end comes again, with `FILES`, when the recording is ready;
`callerid` is the external party of outgoing calls too; `inbound_did` repeats it then.
"""

from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields
from services.ingress.domain.dialects.generators import call_of

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
    """The call that is spoken of; None for an event that the generator does not have."""
    phase = PHASES.get(fields.word("event") or "")
    if phase is None:
        return None
    if phase in ENDED and fields.lists("files"):
        phase = Phase.RECORDED
    return call_of(fields, phase)
