"""Request and response models of consents; a response has the masked phone only, and evidence is kept as its digest."""

import hashlib
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from libs.contracts.consents import WORDING_VERSION, may_hold_a_number
from libs.store.consents import Consent, ConsentScope, ConsentSource, CustomerConsents, Withdrawal
from services.console.domain.customers import PhoneText, QueryPhone, UserIdText
from services.console.domain.fields import Id, Line, Reason, RequestBody, field_error
from services.console.domain.pagination import QueryParams, View


def _require_no_number(text: str) -> str:
    if may_hold_a_number(text):
        raise field_error("must not hold a phone number: it stays in records and receipts")
    return text


WordingVersion = Annotated[
    str,
    StringConstraints(pattern=WORDING_VERSION),
    AfterValidator(_require_no_number),
    Field(examples=["2026-11-a"]),
]
"""Which wording the customer agreed to."""
Origin = Annotated[
    Line, StringConstraints(max_length=64), AfterValidator(_require_no_number), Field(examples=["till 3"])
]
Evidence = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ConsentRequest(RequestBody):
    """The body that records a customer's opt-in."""

    account_id: Id
    phone: PhoneText | None = Field(default=None, repr=False)
    """E.164, or a national number of the account's region; required unless there is a `user_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""
    scope: ConsentScope = ConsentScope.ALL
    """What the customer agreed to: every message, one purpose, or marketing."""
    at: AwareDatetime
    """When the customer agreed."""
    wording_version: WordingVersion | None = None
    """Which wording the customer agreed to."""
    origin: Origin | None = None
    """Where the customer agreed: a form, a till, a list."""
    evidence: Evidence | None = Field(default=None, repr=False)
    """The evidence itself, such as the form's text and answers. Its SHA-256 is kept; keep the text yourself."""
    evidence_sha256: Sha256 | None = None
    """Its digest, in place of the evidence."""


class WithdrawalRequest(RequestBody):
    """The body that records that a customer took consents back."""

    account_id: Id
    phone: PhoneText | None = Field(default=None, repr=False)
    """E.164, or a national number of the account's region; required unless there is a `user_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""
    scope: ConsentScope = ConsentScope.ALL
    at: AwareDatetime | None = None
    """When the customer took it back; null: now."""
    reason: Reason


class ConsentQuery(QueryParams):
    """Whose consents to list."""

    account_id: Id
    phone: QueryPhone | None = Field(default=None, repr=False)
    """The customer's phone; required unless there is a `user_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""


class ConsentView(View):
    """The evidence of one opt-in."""

    id: str
    account_id: str
    masked_phone: str
    scope: ConsentScope
    source: ConsentSource
    """`keyword`, `operator`, `import` or `web_form`."""
    wording_version: str | None
    at: AwareDatetime
    evidence_sha256: str | None
    origin: str | None
    actor: str | None
    import_id: str | None
    recorded_at: AwareDatetime
    withdrawn: bool
    """Whether the customer took it back."""


class WithdrawalView(View):
    """The latest time at which a customer took back consents of one scope."""

    account_id: str
    scope: ConsentScope
    at: AwareDatetime
    source: ConsentSource
    actor: str | None


class CustomerConsentsView(View):
    """A customer's consents, the latest first, and when they took them back."""

    items: tuple[ConsentView, ...]
    withdrawals: tuple[WithdrawalView, ...]
    next_cursor: None = None
    """Always null: a customer has at most 100 consents."""


def consent_view_from(consent: Consent, *, withdrawn: bool) -> ConsentView:
    """A consent without the customer key."""
    names = ConsentView.model_fields.keys() - {"withdrawn", "evidence_sha256"}
    values = {name: getattr(consent, name) for name in names}
    return ConsentView(**values, evidence_sha256=consent.evidence_hash, withdrawn=withdrawn)


def withdrawal_view_from(withdrawal: Withdrawal) -> WithdrawalView:
    """A withdrawal without the customer key."""
    return WithdrawalView(**{name: getattr(withdrawal, name) for name in WithdrawalView.model_fields})


def consents_view_from(found: CustomerConsents) -> CustomerConsentsView:
    """A customer's ledger."""
    return CustomerConsentsView(
        items=tuple(consent_view_from(each, withdrawn=not found.is_standing(each)) for each in found.consents),
        withdrawals=tuple(map(withdrawal_view_from, found.withdrawals)),
    )


def evidence_hash_of(evidence: str | None, given: str | None = None) -> str | None:
    """The SHA-256 of the evidence, or the digest that was given in its place."""
    return given if evidence is None else hashlib.sha256(evidence.encode()).hexdigest()


def identity_of(account_id: str, key: str, scope: ConsentScope, at: datetime, *words: str | None) -> str:
    """What makes two requests one consent: customer, scope, second, and the words about it."""
    return "|".join((account_id, key, scope.value, f"{at.timestamp():.0f}", *(word or "" for word in words)))
