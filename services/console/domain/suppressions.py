"""Suppressions as operators send and see them: a phone goes in, and only its masked form comes out."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from libs.store.conversations import Suppression, SuppressionKind
from services.console.domain.fields import Asked, Id, Reason
from services.console.domain.paging import Params, Query, Shown
from services.console.domain.phones import LONGEST

PhoneText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), Field(examples=["+966500000000"])]


class SuppressionAsked(Asked):
    """A customer who is not to be messaged."""

    account_id: Id
    phone: PhoneText = Field(repr=False)
    """E.164, or a national number of the account's region."""
    reason: Reason
    kind: SuppressionKind = SuppressionKind.BLOCKED
    """`blocked` is lifted by operators alone; `opt_out`, which a customer told us otherwise, also by START."""


class SuppressionQuery(Query):
    """Which suppressions to list."""

    account_id: Id | None = None
    phone: PhoneText | None = Field(default=None, repr=False)
    """One customer's; needs `account_id`."""


class LiftQuery(Params):
    """Why a suppression is lifted."""

    reason: Reason | None = None


class SuppressionShown(Shown):
    """A customer of an account who is not messaged."""

    id: str
    account_id: str
    masked_phone: str
    kind: SuppressionKind
    source: str
    """`keyword`, `operator` or `provider`."""
    reason: str | None
    actor: str | None
    since: AwareDatetime
    active: bool


def shown(suppression: Suppression) -> SuppressionShown:
    """What operators see of a suppression: not the customer's key, nor the evidence."""
    return SuppressionShown.model_validate(suppression)
