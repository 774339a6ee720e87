"""Request and response models of suppressions; a response contains the masked phone only."""

from pydantic import AwareDatetime, Field

from libs.store.conversations import Suppression, SuppressionKind
from services.console.domain.customers import PhoneText, QueryPhone, UserIdText
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import ListQuery, QueryParams, View


class SuppressionRequest(RequestBody):
    """The body that suppresses a customer."""

    account_id: Id
    phone: PhoneText | None = Field(default=None, repr=False)
    """E.164, or a national number of the account's region; required unless there is a `user_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""
    reason: Reason
    kind: SuppressionKind = SuppressionKind.BLOCKED
    """Only operators lift `blocked`; the customer's START also lifts `opt_out`."""


class SuppressionQuery(ListQuery):
    """Filters of the list of suppressions."""

    account_id: Id | None = None
    phone: QueryPhone | None = Field(default=None, repr=False)
    """The phone of a customer; needs `account_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone; needs `account_id`."""


class LiftQuery(QueryParams):
    """The parameters of a lift."""

    reason: Reason | None = None


class SuppressionView(View):
    """A suppression: the account sends the customer no messages while it is active."""

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


def suppression_view_from(suppression: Suppression) -> SuppressionView:
    """A suppression without the customer key and the evidence."""
    return SuppressionView.model_validate(suppression)
