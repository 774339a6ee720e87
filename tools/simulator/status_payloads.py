"""Statuses of sent messages in Meta's wire format (v24: `pricing` by message, `conversation` almost never). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from tools.simulator.ids import parent_user_id_from, user_id_from
from tools.simulator.meta_errors import MetaError
from tools.simulator.send_requests import is_phone
from tools.simulator.webhook_payloads import Change, change_from

StatusName = Literal["sent", "delivered", "read", "played", "failed", "deleted"]
Category = Literal["utility", "marketing", "marketing_lite", "authentication", "authentication_international"]
_PRICED: Final = frozenset({"sent", "delivered", "read"})
_ENTRY_POINT_SECONDS: Final = 259_200


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a message costs: a template by its category; a reply in the window, or after an advertisement, nothing."""

    category: Category | None = None
    """The template's category; None for a message without template."""
    entry_point: bool = False
    """True within 72 hours of a message that came from an advertisement."""

    def fields(self, wamid: str, timestamp: int) -> dict[str, Any]:
        """`pricing`, and `conversation` for a free entry point."""
        if self.entry_point:
            expires = {"expiration_timestamp": str(timestamp + _ENTRY_POINT_SECONDS)}
            origin = {"origin": {"type": "referral_conversion"}}
            return {
                "conversation": {"id": f"conversation-{wamid[-12:]}"} | expires | origin,
                "pricing": _pricing("referral_conversion", "free_entry_point"),
            }
        if self.category is None:
            return {"pricing": _pricing("service", "free_customer_service")}
        return {"pricing": _pricing(self.category, "regular")}


def _pricing(category: str, kind: str) -> dict[str, Any]:
    return {"billable": kind == "regular", "pricing_model": "PMP", "type": kind, "category": category}


def status_from(
    status: StatusName,
    *,
    wamid: str,
    to: str,
    timestamp: int,
    callback: str | None = None,
    error: MetaError | None = None,
    pricing: Pricing | None = None,
    user_id: str | None = None,
    with_user_id: bool = True,
) -> dict[str, Any]:
    """One element of `value.statuses`; `to` is the customer's `wa_id`, or the user id without one.

    A phone is named with its user id, unless the status is `failed` (Meta, "Business-scoped user IDs").
    """
    body: dict[str, Any] = {"id": wamid, "status": status, "timestamp": str(timestamp)}
    if is_phone(to):
        body["recipient_id"] = to
    user_id = (user_id or user_id_from(to)) if is_phone(to) else to
    if not is_phone(to) or (with_user_id and status != "failed"):
        body |= {"recipient_user_id": user_id, "recipient_parent_user_id": parent_user_id_from(user_id)}
    if status in _PRICED:
        body |= (pricing or Pricing()).fields(wamid, timestamp)
    if callback is not None:
        body["biz_opaque_callback_data"] = callback
    if error is not None:
        body["errors"] = [error.in_webhook()]
    return body


def status_changes(statuses: Iterable[tuple[str, dict[str, Any]]]) -> list[Change]:
    """One change for each number, with all of its statuses in the order given, and whom these are about."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for phone_number_id, status in statuses:
        groups.setdefault(phone_number_id, []).append(status)
    return [change_from(number, **_contacts_part(entries), statuses=entries) for number, entries in groups.items()]


def _contacts_part(statuses: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The contacts of those whom statuses name by phone and user id."""
    contacts = {
        status["recipient_id"]: {
            "profile": {"name": "Someone"},
            "wa_id": status["recipient_id"],
            "user_id": status["recipient_user_id"],
            "parent_user_id": status["recipient_parent_user_id"],
        }
        for status in statuses
        if status.keys() >= {"recipient_id", "recipient_user_id"}
    }
    return {"contacts": list(contacts.values())} if contacts else {}
