"""Whether a restriction forbids an approved message in the form in which it is to be sent. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.contracts.decisions import TEMPLATED
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.identity import region_of_customer
from libs.store.accounts import Number
from libs.store.restriction_effects import Sending, answer_for, probe_is_due, standing_against, subjects_for
from libs.store.restrictions import Restriction, RestrictionKind, Subject
from services.sender.domain.results import Result, failed
from services.sender.domain.sent_forms import SentTemplate

WINDOW = timedelta(hours=24)
"""The window closes this long after the customer's last message, or earlier when WhatsApp closed it."""


def subjects_of(approved: MessageApproved, number: Number | None, template: SentTemplate | None) -> Sequence[Subject]:
    """Whose restrictions concern the message."""
    return subjects_for(
        number_id=approved.number_id,
        business_account_id=None if number is None else number.business_account_id,
        customer_keys=[approved.customer_key],
        region=region_of_customer(approved.customer, approved.customer_user_id),
        templates=[] if template is None else [template.key],
    )


def restriction_against(
    rows: Sequence[Restriction], approved: MessageApproved, template: SentTemplate | None, now: datetime
) -> Restriction | None:
    """The restriction that forbids the message, one that may be tried against last; None when it may be sent."""
    closes_at = approved.window_closes_at
    sending = Sending(
        now=now,
        automatic=approved.event_type in TEMPLATED,
        template=template is not None,
        last_inbound_at=None if closes_at is None else closes_at - WINDOW,
    )
    tried = [each for each in rows if probe_is_due(each, now)]
    found = standing_against([each for each in rows if each not in tried], sending)
    own = (each for each in rows if each.kind is RestrictionKind.TEMPLATE and each.stands_at(now))
    if found is None and template is not None:
        found = next(own, None)
    return found or standing_against(tried, sending)


def refused_by(found: Restriction) -> Result:
    """The result of a message that a restriction forbids; policy gives the same answer."""
    if found.kind is RestrictionKind.TEMPLATE:
        return failed("template_restricted", ErrorCode.CONVERSATION_WINDOW_CLOSED, cause=found.cause)
    code, details = answer_for(found)
    return Result(code, details=details)


def hold_ended(found: Restriction) -> Result:
    """The result of a message that was held until the hold's end."""
    return failed("credentials_refused", cause=found.cause)
