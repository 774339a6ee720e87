"""The fields of a call that creomate's and k2m's generators share."""

import re
from datetime import datetime
from typing import Final

from services.ingress.domain.dialects.calls import OUTGOING, Call, Phase
from services.ingress.domain.dialects.fields import Fields

ANSWERED_BY_FINISH_TYPE: Final = {"missed": False, "ok": True}
CALL_ID_TIMESTAMP: Final = re.compile(r"(\d{12})_", re.ASCII)
MIN_DIGITS: Final = 5


def generator_call_from(fields: Fields, phase: Phase) -> Call:
    """The call of an event."""
    call_id = fields.text("id")
    return Call(
        phase=phase,
        number=fields.text("callerid"),
        user=fields.text("user"),
        user_type=fields.lowercase("usertype"),
        answered=ANSWERED_BY_FINISH_TYPE.get(fields.lowercase("finishtype") or ""),
        did=dialled_number(fields, outgoing=phase in OUTGOING),
        call_id=call_id,
        at=call_time_from(call_id),
    )


def dialled_number(fields: Fields, *, outgoing: bool) -> str | None:
    """The called number of the company: the dialled digits, else the digits in the rule's name, else the name."""
    dialled, rule = fields.text("inbound_did"), fields.text("did")
    if dialled is not None and not outgoing and _is_number(dialled):
        return dialled
    if rule is None or rule.casefold() == "empty":
        return None
    digits = re.sub(r"\D", "", rule)
    return digits if len(digits) >= MIN_DIGITS else rule


def call_time_from(call_id: str | None) -> str | None:
    """The start of the call by the phone system's clock: call ids begin with `yyMMddHHmmss_`."""
    found = CALL_ID_TIMESTAMP.match(call_id or "")
    if found is None:
        return None
    try:
        return f"{datetime.strptime(found[1], '%y%m%d%H%M%S'):%Y-%m-%d %H:%M}"  # noqa: DTZ007 -- the system's zone is unknown
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+?[\d\s()./-]+", text) is not None and len(re.sub(r"\D", "", text)) >= MIN_DIGITS
