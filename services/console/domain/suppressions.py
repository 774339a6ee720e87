"""Request and response models of suppressions; a response contains the masked phone only."""

import re
import unicodedata
from typing import Any, Final

from pydantic import AwareDatetime, Field

from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.erasures import ERASURE_SOURCE
from services.console.domain.customers import PhoneText, QueryPhone, UserIdText
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import ListQuery, QueryParams, View

LEAST_WORDS: Final = 4
"""Different words that a reason has at least."""
LEAST_LETTERS: Final = 16
"""Letters that a reason has at least."""
LEAST_SIGNS: Final = 8
"""The same in a script that is written without spaces between words."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


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
    """Required for a customer's own opt-out: a sentence of at least four words. It must not identify the customer."""


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


def is_sentence(reason: str) -> bool:
    """Whether somebody else can judge a reason: at least four different words and 16 letters.

    In scripts without spaces between words, eight different letters.
    """
    words = _WORD.findall(reason.casefold())
    letters = "".join(words)
    unspaced = {letter for letter in letters if unicodedata.name(letter, "").startswith(_UNSPACED)}
    return (len(set(words)) >= LEAST_WORDS and len(letters) >= LEAST_LETTERS) or len(unspaced) >= LEAST_SIGNS


def require_sentence(reason: str | None) -> None:
    """Raise GatewayError(reason_required) unless the reason to lift a customer's own opt-out is a sentence."""
    if reason is None or not is_sentence(reason):
        raise GatewayError(OperatorCode.REASON_REQUIRED, {"field": "reason", "least_words": LEAST_WORDS})


def event_fields(suppression: Suppression) -> dict[str, Any]:
    """The fields of an operator's event about a suppression."""
    return {
        "account_id": suppression.account_id,
        "suppression_id": suppression.id,
        "kind": suppression.kind.value,
        "source": "operator",
        # After an erasure the key is a do-not-contact hash; in the record it would link to the erased customer.
        "customer_key": None if suppression.source == ERASURE_SOURCE else suppression.customer_key,
        "masked_phone": suppression.masked_phone,
    }
