"""What WhatsApp's answer to a send, and the statuses after it, say about the recipient's names. Pure."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from libs.contracts.events import MessageApproved, WhatsAppIdentityLinked, WhatsAppStatusReceived
from libs.contracts.identity import recognised_user_id
from libs.contracts.phone_numbers import canonical
from libs.providers.outcomes import Accepted
from libs.store.contacts import Contact
from libs.store.statuses import TrackedMessage

_DIGITS: Final = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_PARENT: Final = re.compile(r"[A-Z]{2}\.ENT\.", re.ASCII)
"""How the user ids begin that several businesses share (Meta, "Business-scoped user IDs"); never one customer's own."""
_COMMON_END: Final = 6
"""Digits at the end that all spellings of a number share: numbering reforms insert digits at or near the start."""
_COMMON_START: Final = 1
"""Digits of the country calling code that two numbers of one country share at least."""


def identity_linked_from(
    approved: MessageApproved, accepted: Accepted, *, at: datetime
) -> WhatsAppIdentityLinked | None:
    """The event of an answer that names the recipient otherwise than the message; None when it tells nothing new.

    Digits that cannot be another spelling of the number that was sent to (test numbers and servers answer with one
    number for everybody) are nobody's.
    """
    digits, user_id = _digits_in(approved, accepted), _user_id_in(approved, accepted)
    if digits is None and user_id is None:
        return None
    return WhatsAppIdentityLinked(
        account_id=approved.account_id,
        integration_id=approved.integration_id,
        number_id=approved.number_id,
        event_id=approved.event_id,
        at=at,
        customer_key=approved.customer_key,
        customer=approved.customer,
        customer_user_id=approved.customer_user_id,
        linked_customer=None if digits is None else canonical(digits),
        linked_wa_id=digits,
        linked_user_id=user_id,
    )


def identity_linked_by_status(
    status: WhatsAppStatusReceived, message: TrackedMessage, recipient: Contact | None
) -> WhatsAppIdentityLinked | None:
    """The event of a status that names the recipient of its message otherwise; None when it tells nothing new.

    `recipient` is whom the message was sent to, with what was known then; None after an erasure, which is not undone.
    """
    if recipient is None:
        return None
    digits, user_id = _digits_by_status(status, recipient), _user_id_by_status(status, recipient)
    if digits is None and user_id is None:
        return None
    return WhatsAppIdentityLinked(
        account_id=message.account_id,
        integration_id=message.integration_id,
        number_id=message.number_id,
        event_id=UUID(message.event_id),
        at=status.at,
        customer_key=message.customer_key,
        customer=recipient.phone,
        customer_user_id=recipient.user_id,
        linked_customer=None if digits is None else canonical(digits),
        linked_wa_id=digits,
        linked_user_id=user_id,
    )


def _digits_by_status(status: WhatsAppStatusReceived, recipient: Contact) -> str | None:
    """WhatsApp's digits, where they are not those that are known."""
    digits = status.customer_wa_id or (status.customer or "").removeprefix("+")
    if not _DIGITS.fullmatch(digits):
        return None
    if recipient.phone is None:
        return digits if status.customer_user_id in {None, recipient.user_id} else None
    known = recipient.wa_id or recipient.phone.removeprefix("+")
    return digits if digits != known and _may_be_spelling(digits, recipient.phone.removeprefix("+")) else None


def _user_id_by_status(status: WhatsAppStatusReceived, recipient: Contact) -> str | None:
    """The user id of the number that the message was sent to, when it is a new one."""
    if recipient.phone is None or status.customer_user_id == recipient.user_id:
        return None
    written = (status.customer_wa_id or status.customer or recipient.phone).removeprefix("+")
    if not _may_be_spelling(written, recipient.phone.removeprefix("+")):
        return None  # it belongs to those digits
    user_id = recognised_user_id(status.customer_user_id or "")
    return None if user_id is None or _PARENT.match(user_id) else user_id


def _digits_in(approved: MessageApproved, accepted: Accepted) -> str | None:
    """WhatsApp's digits, where they are not those that the message was sent to."""
    digits = accepted.wa_id or ""
    if not _DIGITS.fullmatch(digits):
        return None
    if approved.customer is None:  # sent to a user id: the number in the answer belongs to it, if it is the same one
        is_same = accepted.user_id in {None, approved.customer_user_id}
        return digits if is_same and canonical(digits) != approved.linked_phone else None
    sent_to = approved.customer_wa_id or approved.customer.removeprefix("+")
    return digits if digits != sent_to and _may_be_spelling(digits, approved.customer.removeprefix("+")) else None


def _user_id_in(approved: MessageApproved, accepted: Accepted) -> str | None:
    """The user id of the number that the message was sent to, when it is a new one."""
    user_id = recognised_user_id(accepted.user_id or "")
    is_new = approved.customer is not None and user_id != approved.customer_user_id
    return user_id if is_new else None


def _may_be_spelling(digits: str, sent_to: str) -> bool:
    return digits[-_COMMON_END:] == sent_to[-_COMMON_END:] and digits[:_COMMON_START] == sent_to[:_COMMON_START]
