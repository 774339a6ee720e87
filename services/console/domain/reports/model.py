"""`ComplianceReport`: the figures of a compliance report; their docstrings are part of the JSON schema."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from services.console.domain.pagination import View

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0)] | None
MAX_LISTED = 100
"""How many events a report lists one by one; the counts beside them are complete."""


class NamedCount(View):
    """The count of one kind."""

    name: str
    count: Count


class AccountSummary(View):
    """The account of the report."""

    id: str
    name: str
    business_name: str
    plan: str
    timezone: str


class PeriodView(View):
    """From `from` (included) to `to` (excluded); days and months are those of the account's time zone."""

    from_: AwareDatetime = Field(serialization_alias="from")
    to: AwareDatetime
    timezone: str
    timezone_database: str
    """The version of the tz database whose rules made the days, such as `2026f`."""
    first_day: date
    last_day: date
    days: Count
    complete: bool
    """False when the report was made before the end of the period: later figures may be higher."""


class Outcome(View):
    """The webhooks that were answered with one code."""

    code: str
    group: Literal["sent", "no_message", "refused", "failed"]
    """`no_message`: a success without a message, such as `recorded`."""
    count: Count


class PurposeFigures(View):
    """Webhooks with one purpose; `none`: without a purpose."""

    purpose: str
    answered: Count
    sent: Count


class DayFigures(View):
    """One day in the account's time zone."""

    day: date
    hours: float
    """The hours of the day within the period; 23 or 25 when daylight saving begins or ends."""
    sent: Count
    no_message: Count
    refused: Count
    failed: Count
    inbound: Count
    """Messages from customers."""
    quota_used: Count
    """Messages that use the daily limit, by the time of their webhook."""


class Outcomes(View):
    """The answers to authenticated webhooks."""

    webhooks: Count
    by_code: tuple[Outcome, ...]
    by_purpose: tuple[PurposeFigures, ...]
    by_event_type: tuple[NamedCount, ...]
    by_day: tuple[DayFigures, ...]
    confirmations: tuple[NamedCount, ...]
    """Confirmations of opt-outs, by code. The gateway sends them by itself; they use no quota."""


class MonthFigures(View):
    """The use of a month's limit within the period."""

    month: str
    used: Count
    limit: Count


class Quota(View):
    """Quota use, compared with the current limits; `by_day` has the days."""

    daily_limit: Count
    monthly_limit: Count
    busiest_day: date | None
    busiest_day_used: Count
    days_over_limit: tuple[date, ...]
    """Days above the current limit; a limit that was lowered later has an effect here."""
    months: tuple[MonthFigures, ...]
    used_before: Count
    """Messages that were answered in the period and use the quota of an earlier day."""


class SourceCount(View):
    """The count of suppressions of one kind from one source."""

    source: str
    kind: str
    count: Count


class SentAfterOptOut(View):
    """A message that was sent after the customer had opted out."""

    event_id: str | None
    sent_at: AwareDatetime
    masked_phone: str | None
    stopped_at: AwareDatetime
    """When the customer wrote the opt-out (WhatsApp's clock), or an operator suppressed the customer."""
    effective_at: AwareDatetime
    """When the suppression was recorded."""


class Suppressions(View):
    """Suppressions, and messages that were sent nevertheless."""

    added: tuple[SourceCount, ...]
    lifted: tuple[SourceCount, ...]
    measured: Count
    """Opt-outs by customers whose time of writing is known."""
    median_seconds: float | None
    """From the customer's opt-out to the recorded suppression."""
    p95_seconds: float | None
    slowest_seconds: float | None
    sent_before_effect: Count
    """Messages that were sent after the customer's opt-out, and requested before it was recorded.

    A message in the second of the opt-out counts as sent before it: WhatsApp's times have whole seconds.
    """
    sent_after_effect: Count
    """Messages that were requested after the suppression was recorded, and sent: must be 0."""
    named: tuple[SentAfterOptOut, ...]
    """The first messages of both kinds, oldest first."""


class AuthenticationFailures(View):
    """Requests that failed authentication, by reason; one record may count many."""

    requests: Count
    by_reason: tuple[NamedCount, ...]


class Delivery(View):
    """Delivery of messages, by the statuses recorded in the period."""

    sent: Count
    """Messages that WhatsApp accepted in the period."""
    delivered: Count
    read: Count
    failed: Count
    delivered_share: Share
    """Delivered per sent message; above 1 when statuses arrive for messages sent before the period."""
    read_share: Share
    by_failure: tuple[NamedCount, ...]
    """Failed messages by WhatsApp's error code."""


class Policy(View):
    """Refusals by rules, and messages that were sent and flagged for review."""

    by_rule: tuple[NamedCount, ...]
    """Refusals by rule."""
    content_blocked: Count
    flagged: Count
    """Messages sent with a risk score from 50 to 79."""


class UnknownOutcomes(View):
    """Messages for which it was unknown whether WhatsApp accepted them; none is ever sent again."""

    opened: Count
    settled_sent: Count
    settled_failed: Count
    open: Count
    named: tuple[str, ...]
    """Events whose outcome is still unknown."""


class RecordRange(View):
    """The records that were counted."""

    count: Count
    chain: str
    """The account's chain."""
    first_id: str | None
    first_at: AwareDatetime | None
    first_place: int | None
    """Position in the chain of the first record by time; a record that arrived late has a later position."""
    last_id: str | None
    last_at: AwareDatetime | None
    last_place: int | None
    backdated: Count = 0
    """Records that came more than an hour after the time that they state; audit flagged them."""


class Contents(View):
    """Sent messages by the kind of their content."""

    by_kind: tuple[NamedCount, ...]
    """`text`, `template`, `media: <kind>` and `interactive: <kind>`."""
    templates: tuple[NamedCount, ...]
    """Messages that were sent as a template, by the template's name."""


class Reading(View):
    """Who read data of the account."""

    actor: str
    record: str
    """The kind of record that the reading left, such as `report.read`."""
    what: str
    """What was read: an operation, or a format; `none`: the record says no more."""
    count: Count


class PersonRequest(View):
    """A request of a person: erasure, or access to their data (Articles 15 and 17 GDPR)."""

    kind: Literal["erasure", "erasure_refused", "access"]
    at: AwareDatetime
    """When it was carried out or refused; of an open one, when it was entered."""
    actor: str
    done: bool
    answer_by: date
    """A month after it was entered (Article 12 (3) GDPR); of one that is done, a month after it was carried out."""


class HoldChange(View):
    """A legal hold began or ended."""

    at: AwareDatetime
    held: bool
    actor: str


class PurgeSummary(View):
    """Records that were removed after their retention."""

    at: AwareDatetime
    up_to: Count
    """The position in the chain of the last one."""
    count: Count
    before: AwareDatetime | None
    """Every one of them was older."""


class Retention(View):
    """What is kept, and what was removed in the period; the settings are those of the time of the report."""

    record_days: Count
    legal_hold: bool
    hold_changes: tuple[HoldChange, ...]
    purges: tuple[PurgeSummary, ...]
    purged_up_to: Count
    """The position of the last record that was ever purged; 0 without one."""


class ConsentCount(View):
    """Records of consent: what was recorded, and from which source."""

    record: str
    source: str
    count: Count


class FaultView(View):
    """The first fault of the chain."""

    kind: str
    seq: int | None
    """The position in the chain."""
    record_id: str | None
    checkpoint: int | None
    meaning: str


class Verification(View):
    """What was proven when the report was made."""

    state: Literal["proven", "unproven", "broken"]
    """`proven`: each record that the figures count was verified, or is counted by a signed tally. `unproven`: nothing
    could be verified. `broken`: the chain has a fault, and figures may be wrong."""
    recomputed: Count = 0
    """Records of the chain whose hashes were recomputed for this report."""
    tallied: Count = 0
    """Records of the chain that signed tallies count."""
    unsealed: Count = 0
    """Records at the end of the chain that no checkpoint covers yet: whoever writes the database can change them."""
    checkpoint: str | None = None
    """The newest checkpoint of the account's chain."""
    shipped: Count = 0
    """Checkpoints outside the database with which the chain was compared."""
    fault: FaultView | None = None
    whole_at: AwareDatetime | None = None
    """When the scheduled verification last recomputed every record of the deployment."""
    note: str | None = None


class Proof(View):
    """Proves that a copy of the report is unchanged."""

    sha256: str
    """SHA-256 of account, period, figures and record range as canonical JSON: the same figures give the same digest.

    It is part of the record `report.read`, and so of the chain.
    """
    key_id: str | None = None
    signature: str | None = None
    """Ed25519, base64, of the whole report without this field.

    `docs/reports.md` says it byte by byte; `gateway reports verify FILE` checks it.
    """


class ComplianceReport(View):
    """All figures of one account and period."""

    report: Literal["compliance"] = "compliance"
    version: Literal[2] = 2
    account: AccountSummary
    period: PeriodView
    generated_at: AwareDatetime
    generated_by: str
    outcomes: Outcomes
    quota: Quota
    suppressions: Suppressions
    authentication: AuthenticationFailures
    delivery: Delivery
    policy: Policy
    throttled: tuple[NamedCount, ...]
    """Throttled messages and requests, by limit: `webhook`, `number`, `pair`, `account`, `provider`."""
    unknown: UnknownOutcomes
    forwards: tuple[NamedCount, ...]
    """Forwards to 3CX systems: `delivered`, or `failed` with its reason."""
    changes: tuple[NamedCount, ...]
    """Operators' changes, by kind."""
    contents: Contents
    readings: tuple[Reading, ...]
    requests: tuple[PersonRequest, ...]
    retention: Retention
    consents: tuple[ConsentCount, ...]
    record: RecordRange
    verification: Verification
    proof: Proof
