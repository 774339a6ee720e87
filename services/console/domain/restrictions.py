"""Request and response models of restrictions; a response does not identify a customer."""

from typing import Any

from pydantic import AwareDatetime

from libs.store.restriction_effects import FORBIDS, Forbids
from libs.store.restrictions import PERSONAL, Restriction, RestrictionKind, RestrictionScope
from services.console.domain.fields import Id, Reason
from services.console.domain.pagination import ListQuery, QueryParams, View


class RestrictionQuery(ListQuery):
    """Filters of the list of restrictions."""

    account_id: Id | None = None
    scope: RestrictionScope | None = None
    """What the restrictions are about."""


class LiftRestrictionQuery(QueryParams):
    """The parameters of a lift."""

    reason: Reason
    """Why WhatsApp may be asked again, such as the answer of Meta's support; it is recorded."""


class RestrictionView(View):
    """A restriction: WhatsApp forbids something to an account until it ends or is lifted."""

    id: str
    account_id: str
    scope: RestrictionScope
    key: str | None
    """The number, the business account, the template or the country; null for `pair` and `customer`."""
    number_id: str | None
    """The number of a `number` or `pair`."""
    kind: RestrictionKind
    forbids: Forbids
    """What is refused while it stands."""
    cause: str
    """WhatsApp's error code, or the topic of its notice."""
    since: AwareDatetime
    until: AwareDatetime | None
    """When it ends by itself; null: when it is lifted."""
    probe_at: AwareDatetime | None
    """From when on one message tries whether it still stands."""
    reported_at: AwareDatetime | None
    """When WhatsApp last said so."""
    by: str
    detail: dict[str, Any]


def restriction_view_from(restriction: Restriction) -> RestrictionView:
    """A restriction without the customer key."""
    subject = restriction.subject
    return RestrictionView(
        id=restriction.id,
        account_id=restriction.account_id,
        scope=subject.scope,
        key=None if subject.scope in PERSONAL else subject.key,
        number_id=subject.number_id,
        kind=restriction.kind,
        forbids=FORBIDS[restriction.kind],
        cause=restriction.cause,
        since=restriction.since,
        until=restriction.until,
        probe_at=restriction.probe_at,
        reported_at=restriction.reported_at,
        by=restriction.by,
        detail=dict(restriction.detail),
    )
