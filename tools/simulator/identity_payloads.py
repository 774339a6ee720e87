"""Messages of type `system`: a customer has a new phone number or a new business-scoped user id. Pure."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.simulator.ids import parent_user_id_from
from tools.simulator.send_requests import digits_of
from tools.simulator.webhook_payloads import Change, change_from


class IdentityChange(BaseModel):
    """`user_changed_number` names the old phone (`from`) and the new one; `user_changed_user_id` only the user ids.

    A new phone number gives a new user id too; `user_id` is the old one, `new_user_id` the new one. `previous` is where
    the old user id stands besides the sentence, `phone_in` where a message about a new user id names the phone, `from`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    phone_number_id: str
    kind: Literal["user_changed_number", "user_changed_user_id"] = "user_changed_number"
    sender: str | None = Field(default=None, alias="from", repr=False)
    new_phone: str | None = Field(default=None, repr=False)
    user_id: str | None = None
    new_user_id: str | None = None
    previous: Literal["fields", "sentence"] = "fields"
    phone_in: tuple[Literal["from", "wa_id"], ...] = ()
    timestamp: int | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "IdentityChange":
        if self.kind == "user_changed_number" and not (self.sender and self.new_phone):
            raise ValueError("user_changed_number needs `from` and `new_phone`")
        if self.kind == "user_changed_user_id" and not (self.user_id and self.new_user_id):
            raise ValueError("user_changed_user_id needs `user_id` and `new_user_id`")
        return self


def identity_change(change: IdentityChange, *, wamid: str, now: int) -> Change:
    """The change of field `messages` that reports it; such webhooks have no `contacts`."""
    message: dict[str, Any] = {
        "id": wamid,
        "timestamp": str(now if change.timestamp is None else change.timestamp),
        "type": "system",
        "system": {"type": change.kind} | _system(change),
    }
    if change.sender and (change.kind == "user_changed_number" or "from" in change.phone_in):
        message["from"] = digits_of(change.sender)
    return change_from(change.phone_number_id, messages=[message])


def _system(change: IdentityChange) -> dict[str, Any]:
    phone = digits_of(change.sender or "")
    if change.kind == "user_changed_number":
        new = digits_of(change.new_phone or "")
        found: dict[str, Any] = {"body": f"User Someone changed from {phone} to {new}", "wa_id": new}
    else:
        found = {"body": f"User Someone changed from {change.user_id} to {change.new_user_id}"}
        found |= {"wa_id": phone} if phone and "wa_id" in change.phone_in else {}
    previous = change.user_id if change.previous == "fields" else None
    for name, user_id in (("user_id", change.new_user_id), ("previous_user_id", previous)):
        if user_id:
            parent = name.replace("user_id", "parent_user_id")
            found |= {name: user_id, parent: parent_user_id_from(user_id)}
    return found
