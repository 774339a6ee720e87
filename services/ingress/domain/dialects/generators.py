"""What creomate's and k2m's generators have in common: the fields of a call."""

import re
from datetime import datetime
from typing import Final

from services.ingress.domain.dialects.calls import OUTGOING, Call, Phase
from services.ingress.domain.dialects.fields import Fields

FINISHES: Final = {"missed": False, "ok": True}
STAMPED: Final = re.compile(r"(\d{12})_", re.ASCII)
FEWEST_DIGITS: Final = 5


def call_of(fields: Fields, phase: Phase) -> Call:
    """The call of an event."""
    call_id = fields.label("id")
    return Call(
        phase=phase,
        number=fields.label("callerid"),
        user=fields.label("user"),
        user_type=fields.word("usertype"),
        answered=FINISHES.get(fields.word("finishtype") or ""),
        did=dialled_number(fields, outgoing=phase in OUTGOING),
        call_id=call_id,
        at=time_in(call_id),
    )


def dialled_number(fields: Fields, *, outgoing: bool) -> str | None:
    """Our number in the call: dialled digits, else digits in the rule's name, else the name; `empty` is none."""
    dialled, rule = fields.label("inbound_did"), fields.label("did")
    if dialled is not None and not outgoing and _is_number(dialled):
        return dialled
    if rule is None or rule.casefold() == "empty":
        return None
    digits = re.sub(r"\D", "", rule)
    return digits if len(digits) >= FEWEST_DIGITS else rule


def time_in(call_id: str | None) -> str | None:
    """When the call began, by the phone system's clock: its ids begin with `yyMMddHHmmss_`."""
    found = STAMPED.match(call_id or "")
    if found is None:
        return None
    try:
        return f"{datetime.strptime(found[1], '%y%m%d%H%M%S'):%Y-%m-%d %H:%M}"  # noqa: DTZ007 -- the system's own zone is unknown
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+?[\d\s()./-]+", text) is not None and len(re.sub(r"\D", "", text)) >= FEWEST_DIGITS
