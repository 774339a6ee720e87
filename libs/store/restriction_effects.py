"""What restrictions forbid: pure functions that policy applies to a webhook, and sender to each call.

The rule: policy and sender ask the same functions, so that a message is not refused by one and sent by the other.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from libs.contracts.decisions import Details
from libs.contracts.errors import ErrorCode
from libs.contracts.stored_times import brought_back
from libs.store.instants import micros_from
from libs.store.restrictions import (
    PERSONAL,
    Restriction,
    RestrictionKind,
    Subject,
    of_business_account,
    of_country,
    of_customer,
    of_number,
    of_pair,
    of_template,
    whole_second,
)


@unique
class Forbids(StrEnum):
    """What a restriction forbids."""

    EVERYTHING = "everything"
    AUTOMATION = "automation"
    """Templates, and messages that no person wrote (call events); agents' replies in the window pass."""
    TEMPLATES = "templates"
    TEMPLATES_BEYOND_LIMIT = "templates_beyond_limit"
    """Templates to more customers a day than a limit; policy counts them, so it forbids no single message here."""


FORBIDS: Final[dict[RestrictionKind, Forbids]] = {
    RestrictionKind.ACCOUNT: Forbids.EVERYTHING,
    RestrictionKind.PAYMENT: Forbids.EVERYTHING,
    RestrictionKind.COUNTRY: Forbids.EVERYTHING,
    RestrictionKind.IDENTITY: Forbids.EVERYTHING,
    RestrictionKind.UNREACHABLE: Forbids.EVERYTHING,
    RestrictionKind.SPAM: Forbids.AUTOMATION,
    RestrictionKind.TEMPLATES: Forbids.TEMPLATES,
    RestrictionKind.TEMPLATE_REST: Forbids.TEMPLATES,
    RestrictionKind.TEMPLATE: Forbids.TEMPLATES,
    RestrictionKind.TEMPLATE_LIMIT: Forbids.TEMPLATES_BEYOND_LIMIT,
    RestrictionKind.CREDENTIALS: Forbids.EVERYTHING,
    RestrictionKind.REGISTRATION: Forbids.EVERYTHING,
}
"""What each kind forbids, in the order in which an answer names them: what waiting does not end comes first."""
_ORDER: Final = {kind: place for place, kind in enumerate(FORBIDS)}
CREDENTIALS: Final = frozenset({RestrictionKind.CREDENTIALS, RestrictionKind.REGISTRATION})
"""Kinds that are answered with 503 and that hold approved messages."""
PROBE_SECONDS: Final = 60
"""The shortest time between two probes of refused credentials, and the answer's `Retry-After`."""
TRIAL_AFTER: Final[Mapping[RestrictionKind, timedelta]] = {
    RestrictionKind.REGISTRATION: timedelta(hours=1),
    RestrictionKind.PAYMENT: timedelta(hours=1),
    RestrictionKind.TEMPLATES: timedelta(hours=24),
}
"""Kinds of which one message finds out whether they still stand, and after how long."""
LONGEST_TRIAL: Final = max(TRIAL_AFTER.values())
ENDED_BY_CUSTOMER: Final = frozenset({RestrictionKind.UNREACHABLE, RestrictionKind.TEMPLATE_REST})
"""Kinds that end at once when the customer writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One message that is to be sent."""

    now: datetime
    automatic: bool
    """True for a call event, which no person wrote."""
    template: bool
    """True when it is sent as a template."""
    last_inbound_at: datetime | None = None
    """When the customer last wrote to the number, if known."""


def subjects_for(
    *,
    number_id: str,
    business_account_id: str | None,
    customer_keys: Collection[str] = (),
    region: str | None = None,
    templates: Collection[tuple[str, str]] = (),
) -> tuple[Subject, ...]:
    """Every subject whose restrictions may concern a message. `templates` are pairs of name and language.

    While the business account is unknown, restrictions of it, of its templates and countries are stored under the
    number; they still count once it is known.
    """
    owners = [number_id] if business_account_id is None else [business_account_id, number_id]
    return (
        of_number(number_id),
        *map(of_business_account, owners),
        *[of_pair(number_id, key) for key in customer_keys],
        *map(of_customer, customer_keys),
        *[of_country(owner, region) for owner in owners if region is not None],
        *[of_template(owner, name, language) for owner in owners for name, language in templates],
    )


def standing_against(restrictions: Iterable[Restriction], sending: Sending) -> Restriction | None:
    """The restriction that forbids the message, the one to name first if there are several; None when it may be sent.

    Restrictions of single templates do not count here: `restricted_templates` names them before one is chosen.
    """
    against = [
        each
        for each in restrictions
        if each.kind is not RestrictionKind.TEMPLATE and _counts(each, sending) and _forbids(each, sending)
    ]
    return min(against, key=lambda each: _ORDER[each.kind], default=None)


def restricted_templates(restrictions: Iterable[Restriction], now: datetime) -> frozenset[tuple[str, str]]:
    """The templates, as pairs of name and language, that may not be sent at `now`."""
    kept = (each for each in restrictions if each.kind is RestrictionKind.TEMPLATE and each.stands_at(now))
    names = (each.subject.key.partition(":")[2].rpartition(":") for each in kept)
    return frozenset((name, language) for name, _, language in names)


def answer_for(restriction: Restriction) -> tuple[ErrorCode, Details]:
    """The code and details of the answer to a message that the restriction forbids."""
    if restriction.kind in CREDENTIALS:
        return ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "credentials", "retry_after": PROBE_SECONDS}
    details: Details = {
        "reason": restriction.kind.value,
        "scope": restriction.subject.scope.value,
        "cause": restriction.cause,
    }
    if restriction.until is not None:
        details["until"] = restriction.until.isoformat()
    unreachable = restriction.kind is RestrictionKind.UNREACHABLE
    return ErrorCode.GATEWAY_SEND_FAILED if unreachable else ErrorCode.POLICY_VIOLATION, details


def probe_is_due(restriction: Restriction, now: datetime) -> bool:
    """Whether a message may be approved in order to try; sender claims the try, so that one message is sent."""
    if restriction.probe_at is None:
        return False
    return brought_back(restriction.probe_at, now, TRIAL_AFTER.get(restriction.kind, LONGEST_TRIAL)) <= now


def _counts(restriction: Restriction, sending: Sending) -> bool:
    """Whether it stands; the customer's own message ends it, also when the report of it arrives later."""
    if not restriction.stands_at(sending.now):
        return False
    wrote = sending.last_inbound_at
    if wrote is None or restriction.kind not in ENDED_BY_CUSTOMER or restriction.subject.scope not in PERSONAL:
        return True
    reported = micros_from(restriction.reported_at or restriction.since)
    return micros_from(wrote) < whole_second(reported)


def _forbids(restriction: Restriction, sending: Sending) -> bool:
    match FORBIDS[restriction.kind]:
        case Forbids.EVERYTHING:
            return True
        case Forbids.AUTOMATION:
            return sending.template or sending.automatic
        case Forbids.TEMPLATES:
            return sending.template
        case Forbids.TEMPLATES_BEYOND_LIMIT:
            return False
