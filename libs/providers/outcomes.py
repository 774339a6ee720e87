"""The outcomes of one provider call. Only `Refused` and `NotSent` prove that a message was not taken."""

from dataclasses import dataclass, field

from libs.contracts.known_templates import KnownTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the message; its webhook reports the delivery later.

    `held`: the template waits for WhatsApp's quality assessment and may still fail.
    """

    message_id: str
    wa_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider answered that it did not take the message.

    `code` is the provider's error code, None when the answer has none. `reason` is the gateway's name for a refusal
    without a code, a key of the provider's `errors.toml`. `retry_after` is in seconds. `transient`: the provider says
    that the fault passes. The answer's texts are not kept: they may quote a phone number or the message.
    """

    code: int | None
    http_status: int
    trace_id: str | None = None
    retry_after: float | None = None
    transient: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The request left and no readable answer came: the provider may have taken the message. Never send it again."""

    reason: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request left the gateway."""

    reason: str


@dataclass(frozen=True, slots=True)
class Usable:
    """The provider takes the number's credentials.

    `messages_per_second` is the number's throughput; None when it was not asked for or the provider does not say it.
    """

    messages_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The provider took a file; a message names it by `media_id`."""

    media_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TemplatesRead:
    """The templates of the number's business account: all of them, unless the server passes on a first page alone."""

    templates: tuple[KnownTemplate, ...]
    complete: bool = True


UploadOutcome = Uploaded | Refused | OutcomeUnknown | NotSent
"""What an upload comes to. It sends no message, so it may be repeated whatever the outcome is."""
TemplatesOutcome = TemplatesRead | Refused | OutcomeUnknown | NotSent
"""What a read of the templates comes to."""
SendOutcome = Accepted | Refused | OutcomeUnknown | NotSent
"""What a send call comes to."""
ProbeOutcome = Usable | Refused | OutcomeUnknown | NotSent
"""What a probe comes to: a call that sends nothing."""
