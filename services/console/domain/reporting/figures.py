"""What a compliance report says, as it is published: every figure has its sentence, and JSON schema repeats it."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from services.console.domain.paging import Shown

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0)] | None
SIGNED = b"whatsapp-gateway report 1\n"
"""What stands before the digest that is signed, so that no report's signature is a checkpoint's."""
MOST_NAMED = 100
"""How many events a report names one by one; the counts beside them are always whole."""


class Named(Shown):
    """How often something occurred."""

    name: str
    count: Count


class AccountNamed(Shown):
    """Whose report it is."""

    id: str
    name: str
    business_name: str
    plan: str
    timezone: str


class PeriodShown(Shown):
    """From `from` on and before `to`; days and months are the account's own."""

    from_: AwareDatetime = Field(serialization_alias="from")
    to: AwareDatetime
    timezone: str
    first_day: date
    last_day: date
    days: Count
    complete: bool
    """False when the period had not ended when the report was made: later figures may be higher."""


class Outcome(Shown):
    """How webhooks ended with one code."""

    code: str
    group: Literal["sent", "no_message", "refused", "failed"]
    """`no_message`: a success that owed nobody a message, such as `recorded`."""
    count: Count


class PurposeFigures(Shown):
    """Webhooks of one purpose; `none` said none."""

    purpose: str
    answered: Count
    sent: Count


class DayFigures(Shown):
    """One of the account's days."""

    day: date
    hours: float
    """How much of the day lies in the period; a daylight-saving day has 23 or 25."""
    sent: Count
    no_message: Count
    refused: Count
    failed: Count
    inbound: Count
    """Customers' messages."""
    quota_used: Count
    """Messages that count against the daily limit, by the time of their webhook."""


class Outcomes(Shown):
    """How authenticated webhooks ended."""

    webhooks: Count
    by_code: tuple[Outcome, ...]
    by_purpose: tuple[PurposeFigures, ...]
    by_event_type: tuple[Named, ...]
    by_day: tuple[DayFigures, ...]
    confirmations: tuple[Named, ...]
    """Confirmations of opt-outs, which the gateway sends by itself and which use up no quota, by code."""


class MonthUsed(Shown):
    """What the account used of a month's limit within the period."""

    month: str
    used: Count
    limit: Count


class Quota(Shown):
    """Quota use against the limits as they are now; `by_day` has the days."""

    daily_limit: Count
    monthly_limit: Count
    busiest_day: date | None
    busiest_day_used: Count
    days_over_limit: tuple[date, ...]
    """Days above the limit as it is now; a limit that was lowered since shows here too."""
    months: tuple[MonthUsed, ...]
    used_before: Count
    """Answered in the period, and counted on a day before it."""


class Source(Shown):
    """Suppressions of one kind from one source."""

    source: str
    kind: str
    count: Count


class SentNevertheless(Shown):
    """A message that went out after the customer had said stop."""

    event_id: str | None
    sent_at: AwareDatetime
    masked_phone: str | None
    stopped_at: AwareDatetime
    """When the customer wrote it, by WhatsApp's clock, or an operator said so."""
    effective_at: AwareDatetime
    """When the suppression was on record."""


class Suppressions(Shown):
    """Who is not to be messaged, and whether that was kept to."""

    added: tuple[Source, ...]
    lifted: tuple[Source, ...]
    measured: Count
    """Opt-outs of customers' own, of which the time is known at which they were written."""
    median_seconds: float | None
    """From the customer's word to the suppression on record."""
    p95_seconds: float | None
    slowest_seconds: float | None
    sent_before_effect: Count
    """Messages that were under way when the customer's word was not on record yet."""
    sent_after_effect: Count
    """Messages asked for after the suppression was on record, and sent nevertheless: must be 0."""
    named: tuple[SentNevertheless, ...]
    """The first of both kinds, oldest first."""


class Refused(Shown):
    """Requests that were not authenticated, by reason; one record may stand for many."""

    requests: Count
    by_reason: tuple[Named, ...]


class Delivery(Shown):
    """What WhatsApp told of messages, by statuses on record in the period."""

    sent: Count
    """Messages that WhatsApp took in the period."""
    delivered: Count
    read: Count
    failed: Count
    delivered_share: Share
    """Delivered for each message sent; statuses of messages sent before the period can take it above 1."""
    read_share: Share
    by_failure: tuple[Named, ...]
    """WhatsApp's codes of failed messages."""


class Policy(Shown):
    """What the rules stopped, and what they let through for review."""

    by_rule: tuple[Named, ...]
    """Refusals by the rule that objected."""
    content_blocked: Count
    flagged: Count
    """Sent, with a risk score from 50 to 79."""


class Unknown(Shown):
    """Messages of which nobody knew whether WhatsApp took them; none is ever sent again."""

    opened: Count
    settled_sent: Count
    settled_failed: Count
    open: Count
    named: tuple[str, ...]
    """Events that are still open."""


class RecordRange(Shown):
    """The records that the figures were made of."""

    count: Count
    chain: str
    """The account's chain."""
    first_id: str | None
    first_at: AwareDatetime | None
    first_place: int | None
    """Place in the chain of the first record by time; records that came late have later places."""
    last_id: str | None
    last_at: AwareDatetime | None
    last_place: int | None


class Verification(Shown):
    """The chain's verification when the report was made."""

    performed: bool
    ok: bool | None = None
    records: Count | None = None
    checkpoints: Count | None = None
    checkpoint: str | None = None
    """The newest checkpoint of the account's chain."""
    first_fault: str | None = None
    note: str | None = None


class Proof(Shown):
    """What proves that a copy of the report is the one that was made."""

    sha256: str
    """SHA-256 of account, period, figures and record range as canonical JSON: the same figures give the same digest.

    It is part of the record `report.read`, and thereby of the chain.
    """
    key_id: str | None = None
    signature: str | None = None
    """Ed25519, base64, over `whatsapp-gateway report 1`, a line feed, and `sha256` as it stands here (ASCII)."""


class ComplianceReport(Shown):
    """All figures of one account and period, from one pass over its records."""

    report: Literal["compliance"] = "compliance"
    version: Literal[1] = 1
    account: AccountNamed
    period: PeriodShown
    generated_at: AwareDatetime
    generated_by: str
    outcomes: Outcomes
    quota: Quota
    suppressions: Suppressions
    authentication: Refused
    delivery: Delivery
    policy: Policy
    throttled: tuple[Named, ...]
    """Messages and requests that were too fast, by what was: `webhook`, `number`, `pair`, `account`, `provider`."""
    unknown: Unknown
    forwards: tuple[Named, ...]
    """What the 3CX side was told: `delivered`, or `failed` with its reason."""
    changes: tuple[Named, ...]
    """Operators' changes and readings on record, by kind."""
    record: RecordRange
    verification: Verification
    proof: Proof
