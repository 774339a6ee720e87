"""The export of suppressions: its query, and its lines, which name a customer by masked phone or by keyed hash.

The rule: a line never has both. A mask leaves few enough phones to try them all against a hash.
"""

from collections.abc import Callable
from enum import StrEnum, unique
from typing import Any, Final

import orjson
from pydantic import AwareDatetime

from libs.contracts.consents import may_hold_a_number
from libs.store.conversations import Suppression, SuppressionKind
from services.console.domain.fields import Id
from services.console.domain.pagination import QueryParams, View


@unique
class CustomerForm(StrEnum):
    """How a line names the customer."""

    MASKED = "masked"
    """The masked phone, for people to read."""
    HASHED = "hashed"
    """A keyed hash, to compare exports with: the same customer has the same one in each, as long as the key lasts."""


class SuppressionExportQuery(QueryParams):
    """Whose suppressions to export."""

    account_id: Id | None = None
    """Required of a token for several accounts."""
    customers: CustomerForm = CustomerForm.MASKED
    """How a line names the customer."""


class SuppressionLineView(View):
    """One line: an active suppression; or, as the last line alone, how many there were."""

    id: str | None = None
    account_id: str | None = None
    masked_phone: str | None = None
    """Empty for a customer without a known phone, and for who was erased."""
    customer_hash: str | None = None
    """With `customers=hashed`, in place of the masked phone."""
    kind: SuppressionKind | None = None
    source: str | None = None
    reason: str | None = None
    actor: str | None = None
    since: AwareDatetime | None = None
    rows: int | None = None
    """In the last line: how many lines came before it. Without this line the export is incomplete."""


CUT: Final = "(may hold a phone number)"
"""In place of an operator's reason that names the customer after all."""
HashOfCustomer = Callable[[str], str]
"""The hash of a customer key."""


def line_of(suppression: Suppression, hash_of: HashOfCustomer | None) -> bytes:
    """The line of a suppression: with the customer's hash, or without something to hash with, the masked phone."""
    customer = (
        {"masked_phone": suppression.masked_phone}
        if hash_of is None
        else {"customer_hash": hash_of(suppression.customer_key)}
    )
    line: dict[str, Any] = {
        "id": suppression.id,
        "account_id": suppression.account_id,
        **customer,
        "kind": suppression.kind.value,
        "source": suppression.source,
        "reason": CUT if may_hold_a_number(suppression.reason or "") else suppression.reason,
        "actor": suppression.actor,
        "since": suppression.since,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def last_line(rows: int) -> bytes:
    """The line that says that the export is whole."""
    return orjson.dumps({"rows": rows}, option=orjson.OPT_APPEND_NEWLINE)
