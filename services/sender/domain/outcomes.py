"""What one call of a provider may come to; the rule: only what was surely not taken may be sent again."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the message; delivery is reported later, by webhook.

    `held`: a template that waits for WhatsApp's quality assessment and may still fail.
    """

    message_id: str
    wa_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider answered that it did not take the message: surely not sent.

    `code` is the provider's own, None when the answer carried none; `retry_after` in seconds; `transient` is
    the provider's hint that the fault will pass. Its texts are not kept: they may quote a phone or the message.
    `reason` is our own word for a refusal that providers without codes (Evolution) tell in other ways.
    """

    code: int | None
    http_status: int
    trace_id: str | None = None
    retry_after: float | None = None
    transient: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request left and no readable answer came: it may have been taken. Never sent again."""

    reason: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Unreached:
    """No connection came about, so no byte of the request left: surely not sent."""

    reason: str


Outcome = Accepted | Refused | Unsure | Unreached
