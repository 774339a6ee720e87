"""Webhooks of field `calls`: a customer and the business call each other on WhatsApp. Pure."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.simulator.send_requests import digits_of
from tools.simulator.webhook_payloads import Change, change_from, display_number_of

_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


class Call(BaseModel):
    """One event of a call: `connect` when it rings, `terminate` at its end; `id` joins the two.

    `seconds` is the time that an answered call took; a call that nobody answered has none and ends as FAILED.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    phone_number_id: str
    event: Literal["connect", "terminate"] = "connect"
    sender: str | None = Field(default=None, alias="from", repr=False)
    user_id: str | None = None
    name: str = Field(default="Customer", repr=False)
    id: str | None = None
    direction: Literal["USER_INITIATED", "BUSINESS_INITIATED"] = "USER_INITIATED"
    timestamp: int | None = None
    seconds: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _has_a_customer(self) -> "Call":
        if not self.sender and not self.user_id:
            raise ValueError("a call has `from`, `user_id` or both")
        return self


def call_change(call: Call, *, call_id: str, now: int) -> Change:
    """The change of one call event; `now` is its time without a timestamp."""
    at = now if call.timestamp is None else call.timestamp
    entry: dict[str, Any] = {
        "id": call.id or call_id,
        "event": call.event,
        "timestamp": str(at),
        "direction": call.direction,
        **_parties(call),
    }
    if call.event == "connect":
        answered = call.direction == "BUSINESS_INITIATED"
        entry["session"] = {"sdp_type": "answer" if answered else "offer", "sdp": _SDP}
    elif call.seconds is None:
        entry["status"] = "FAILED"
    else:
        times = {"start_time": str(at - call.seconds), "end_time": str(at), "duration": call.seconds}
        entry |= {"status": "COMPLETED"} | times
    return change_from(call.phone_number_id, field="calls", contacts=[_contact(call)], calls=[entry])


def _parties(call: Call) -> dict[str, str]:
    """Who calls whom; a customer's user id stands beside the phone, or in its place."""
    business, customer = display_number_of(call.phone_number_id), digits_of(call.sender or "")
    from_customer = call.direction == "USER_INITIATED"
    side, other = ("from", "to") if from_customer else ("to", "from")
    found = {other: business, side: customer, f"{side}_user_id": call.user_id or ""}
    return {name: value for name, value in found.items() if value}


def _contact(call: Call) -> dict[str, Any]:
    found = {"wa_id": digits_of(call.sender or ""), "user_id": call.user_id or ""}
    return {"profile": {"name": call.name}} | {name: value for name, value in found.items() if value}
