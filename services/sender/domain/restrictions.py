"""The restrictions that follow from a refusal, as a table of effects. Pure; WHATSAPP's codes are in `errors.toml`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.contracts.identity import region_of_customer
from libs.providers.errors import Effect
from libs.store.accounts import Number
from libs.store.restriction_effects import TRIAL_AFTER
from libs.store.restrictions import (
    Restriction,
    RestrictionKind,
    Subject,
    of_business_account,
    of_country,
    of_customer,
    of_number,
    of_pair,
    of_template,
    restriction_id,
)
from services.sender.domain.refusals import RefusedMessage

PROBED: Final = frozenset({Effect.STOP_CREDENTIALS, Effect.STOP_NUMBER_CREDENTIALS})
"""Effects that a probe of the credentials ends."""
HELD: Final = PROBED | {Effect.STOP_REGISTRATION}
"""Effects while which an approved message is held: the fault is in the number's set-up, not in the message."""


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: RestrictionKind
    lasts: timedelta | None = None
    """None: until it is lifted."""


RULES: Final[Mapping[Effect, _Rule]] = {
    Effect.MARK_UNREACHABLE: _Rule(RestrictionKind.UNREACHABLE, timedelta(days=7)),
    Effect.WAIT_24_HOURS: _Rule(RestrictionKind.TEMPLATE_REST, timedelta(hours=24)),
    Effect.PAUSE_NUMBER: _Rule(RestrictionKind.SPAM),
    Effect.PAUSE_ACCOUNT: _Rule(RestrictionKind.ACCOUNT),
    Effect.PAYMENT_REQUIRED: _Rule(RestrictionKind.PAYMENT),
    Effect.STOP_TEMPLATES: _Rule(RestrictionKind.TEMPLATES),
    Effect.STOP_CREDENTIALS: _Rule(RestrictionKind.CREDENTIALS),
    Effect.STOP_NUMBER_CREDENTIALS: _Rule(RestrictionKind.CREDENTIALS),
    Effect.STOP_REGISTRATION: _Rule(RestrictionKind.REGISTRATION),
    Effect.STOP_TEMPLATE: _Rule(RestrictionKind.TEMPLATE),
    Effect.BLOCK_COUNTRY: _Rule(RestrictionKind.COUNTRY),
    Effect.OPERATOR_REQUIRED: _Rule(RestrictionKind.IDENTITY, timedelta(days=30)),
}
"""The effects that lead to a restriction."""


def restrictions_from(
    refused: RefusedMessage, number: Number, peers: Sequence[Number] = (), *, kind: RestrictionKind | None = None
) -> list[Restriction]:
    """The restrictions of a refusal whose effect is in `RULES`, at most one for each account and subject.

    `peers` are the numbers that it concerns besides `number`: those of its business account, or with its token. `kind`
    replaces the rule's. Without what the subject needs (a template, a customer's region) there is none.
    """
    rule = RULES[refused.classification.effect or Effect.MARK_UNREACHABLE]
    found = kind or rule.kind
    until = None if rule.lasts is None else refused.at + rule.lasts
    trial = TRIAL_AFTER.get(found)
    concerned = _concerned(refused, number, peers, found)
    return [
        Restriction(
            id=restriction_id(refused.event_id, account_id, subject, found),
            account_id=account_id,
            subject=subject,
            kind=found,
            cause=refused.cause,
            since=refused.at,
            until=until,
            probe_at=None if trial is None else refused.at + trial,
            detail={"reason": refused.classification.meaning, "event_id": str(refused.event_id)},
        )
        for account_id, subject in dict.fromkeys(concerned)
    ]


def concerned_numbers(restriction: Restriction, numbers: Iterable[Number]) -> list[Number]:
    """Those of `numbers` that a restriction of a number or of a whole business account stops."""
    own = restriction.subject.number_id
    return [each for each in numbers if each.account_id == restriction.account_id and own in (None, each.id)]


def needs_token_peers(refused: RefusedMessage) -> bool:
    """Whether the refusal is about the token, and so about every number that has it."""
    return refused.classification.effect is Effect.STOP_CREDENTIALS


def needs_business_account(effect: Effect) -> bool:
    """Whether the effect concerns the whole business account."""
    return RULES[effect].kind in _OF_OWNER


_OF_OWNER: Final = {
    RestrictionKind.ACCOUNT,
    RestrictionKind.PAYMENT,
    RestrictionKind.TEMPLATES,
    RestrictionKind.TEMPLATE,
    RestrictionKind.COUNTRY,
}


def _concerned(
    refused: RefusedMessage, number: Number, peers: Sequence[Number], kind: RestrictionKind
) -> Iterable[tuple[str, Subject]]:
    numbers = (number, *peers)
    if kind in _OF_OWNER:
        subject = _of_owner(refused, number.business_account_id or number.id, kind)
        return [] if subject is None else [(each.account_id, subject) for each in numbers]
    if kind is RestrictionKind.UNREACHABLE:
        return [(number.account_id, of_customer(refused.customer_key))]
    if kind in (RestrictionKind.TEMPLATE_REST, RestrictionKind.IDENTITY):
        return [(number.account_id, of_pair(number.id, refused.customer_key))]
    return [(each.account_id, of_number(each.id)) for each in numbers]


def _of_owner(refused: RefusedMessage, owner: str, kind: RestrictionKind) -> Subject | None:
    if kind is RestrictionKind.TEMPLATE:
        return None if refused.template is None else of_template(owner, *refused.template)
    if kind is RestrictionKind.COUNTRY:
        region = region_of_customer(refused.customer, refused.customer_user_id)
        return None if region is None else of_country(owner, region)
    return of_business_account(owner)
