"""The message that takes the place of one which WhatsApp took and refused afterwards. Pure.

A late 131047 (the window is closed) is answered with the planned template, a late 131062 (a user id does not do) with
the customer's phone number; both once, as a message of its own with an id that follows from the first one's.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid5

from libs.contracts.events import MessageApproved, MessageReplaced
from libs.providers.errors import Effect
from services.sender.domain.sent_forms import form_of

NO_CALLER = "sender"
"""The `reply_to` of a message that no caller waits for."""


def has_fallback(approved: MessageApproved, *, now: datetime) -> bool:
    """Whether the message has another form than the one that is sent at `now`, and one that needs no text."""
    if approved.template is None:
        return False
    return form_of(approved, now=now) is None or has_linked_phone(approved)


def has_linked_phone(approved: MessageApproved) -> bool:
    """Whether the message goes to a user id whose phone number is known."""
    return approved.customer is None and approved.linked_phone is not None


def without_text(approved: MessageApproved) -> MessageApproved:
    """The message as it is kept: without text, media and buttons, which are not sent later."""
    kept = {"text": "", "media": None, "interactive": None, "receipt": (), "conversation_id": None, "after": None}
    return approved.model_copy(update=kept)


def to_linked_phone(approved: MessageApproved) -> MessageApproved:
    """The message to the customer's phone number in place of the user id."""
    return approved.model_copy(update={"customer": approved.linked_phone, "linked_phone": None})


def replacement_for(kept: MessageApproved, effects: Collection[Effect], *, at: datetime) -> MessageReplaced | None:
    """The message in place of one that failed at `at` with these effects; None when none of them has another form."""
    if Effect.CLOSE_WINDOW in effects:
        return _replacing(kept, at)
    if Effect.PHONE_REQUIRED in effects and has_linked_phone(kept):
        return _replacing(to_linked_phone(kept), at)
    return None


def replacement_id(event_id: UUID) -> UUID:
    """The id of the message that replaces the one of this event; a replacement is not replaced."""
    return uuid5(event_id, "replacement")


def _replacing(kept: MessageApproved, at: datetime) -> MessageReplaced:
    changes = {
        "event_id": replacement_id(kept.event_id),
        "replaces": kept.event_id,
        "reply_to": NO_CALLER,
        "received_at": at,
        "window_closes_at": None,
    }
    return MessageReplaced.model_validate(kept.model_dump() | changes)
