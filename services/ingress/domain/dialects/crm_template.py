"""What 3CX's own CRM template reports at the end of each call (`ReportCall`), in our XML or kindred ones.

Traps: a variable that 3CX could not fill arrives as `[Name]`; there is no call id.
"""

from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields

TYPE: Final = ("call_type", "calltype")
NUMBER: Final = ("number", "customer_phone", "phone", "caller", "callerid", "phonenumber", "phone_number", "from")
AGENT: Final = ("agent", "agent_extension", "agentextension", "extension", "user")
QUEUE: Final = ("queue", "queue_extension", "queueextension")
STARTED: Final = ("call_start_time_utc", "callstarttimeutc", "start_utc", "callstarttime")
ENDED: Final = ("date_time", "datetime", "call_time")
CALL_TYPES: Final = {
    "missed": (Phase.INCOMING_ENDED, False),
    "inbound": (Phase.INCOMING_ENDED, True),
    "outbound": (Phase.OUTGOING_ENDED, True),
    "notanswered": (Phase.OUTGOING_ENDED, False),
}


def call_from(fields: Fields) -> Call | None:
    """The call that is reported; None for a type that 3CX does not have."""
    known = CALL_TYPES.get(fields.word(*TYPE) or "")
    if known is None:
        return None
    phase, answered = known
    began, told = fields.label(*STARTED), fields.label(*ENDED)
    return Call(
        phase=phase,
        number=fields.label(*NUMBER),
        user=fields.label(*AGENT),
        user_type=None,
        queue=fields.label(*QUEUE),
        answered=answered,
        did=fields.label("did"),
        call_id=None,
        at=told or began,
        moment=began or told,
    )
