"""The dialect of 3CX's CRM template, which reports the end of each call (`ReportCall`).

Traps: a variable that 3CX could not fill arrives as `[Name]`, or as its whole expression. There is no call id.
"""

import re
from typing import Final

from services.ingress.domain.dialects.calls import Call, Phase
from services.ingress.domain.dialects.fields import Fields

TYPE: Final = ("call_type", "calltype")
NUMBER: Final = ("number", "customer_phone", "phone", "caller", "callerid", "phonenumber", "phone_number", "from")
AGENT: Final = ("agent", "agent_extension", "agentextension", "extension", "user")
QUEUE: Final = ("queue", "queue_extension", "queueextension")
STARTED: Final = (
    *("call_start_time_utc", "callstarttimeutc", "start_utc", "callstarttime", "call_start_time"),
    *("call_start_time_local", "callstarttimelocal"),
    *("call_established_time_utc", "callestablishedtimeutc", "call_established_time_local", "callestablishedtimelocal"),
)
ENDED: Final = (
    *("date_time", "datetime", "call_time", "call_end_time_utc", "callendtimeutc", "call_end_time", "callendtime"),
    *("call_end_time_local", "callendtimelocal"),
)
SEPARATORS: Final = re.compile(r"[\s_-]+")
CALL_TYPES: Final = {
    "missed": (Phase.INCOMING_ENDED, False),
    "inbound": (Phase.INCOMING_ENDED, True),
    "outbound": (Phase.OUTGOING_ENDED, True),
    "notanswered": (Phase.OUTGOING_ENDED, False),
}


def call_type_of(fields: Fields) -> str:
    """The call type in lower case, without the blanks and dashes of `Not Answered` and its like; empty without one."""
    return SEPARATORS.sub("", fields.lowercase(*TYPE) or "")


def call_from(fields: Fields) -> Call | None:
    """The reported call; None for a call type that 3CX does not have."""
    known = CALL_TYPES.get(call_type_of(fields))
    if known is None:
        return None
    phase, answered = known
    started, ended = fields.time(*STARTED), fields.time(*ENDED)
    return Call(
        phase=phase,
        number=fields.text(*NUMBER),
        user=fields.text(*AGENT),
        user_type=None,
        queue=fields.text(*QUEUE),
        answered=answered,
        did=fields.text("did"),
        call_id=None,
        at=ended or started,
        identifying_time=started or ended,
    )
