"""Which service publishes which event: the broker lets each service publish its own events only.

tools/broker/rights.py makes the broker's permissions from these tables. Console publishes the outbox, so an event there
is console's, whichever service wrote it.
"""

from collections.abc import Mapping

from libs.contracts.events import (
    AccountChanged,
    DeadLetterDiscarded,
    DeadLetterReplayed,
    ErasureRefused,
    Event,
    ForwardDelivered,
    ForwardFailed,
    ForwardRequested,
    IntegrationChanged,
    LegalHoldChanged,
    MediaFetched,
    MessageApproved,
    MessageMarkedRead,
    MessageReplaced,
    MessageSettled,
    MessageStatusUpdated,
    NumberChanged,
    NumberPaused,
    OperatorRejected,
    RecordExported,
    RecordRestored,
    RecordsPurged,
    ReportRead,
    RestrictionAdded,
    RestrictionLifted,
    SecretRotated,
    SimulationAnswered,
    SimulationRequested,
    SubjectErased,
    SubjectExported,
    SuppressionAdded,
    SuppressionLifted,
    TokenCreated,
    TokenRevoked,
    WebhookAnswered,
    WebhookReceived,
    WebhookRejected,
    WebhookThrottled,
    WhatsAppAccountUpdated,
    WhatsAppCallReceived,
    WhatsAppIdentityChanged,
    WhatsAppIdentityLinked,
    WhatsAppMessageReceived,
    WhatsAppPostSetAside,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
)
from libs.contracts.results import AnswerStatus

PRODUCERS: Mapping[str, tuple[type[Event], ...]] = {
    "ingress": (
        WebhookReceived,
        WebhookRejected,
        WebhookThrottled,
        WebhookAnswered,
        WhatsAppMessageReceived,
        WhatsAppStatusReceived,
        WhatsAppPreferenceChanged,
        WhatsAppIdentityChanged,
        WhatsAppCallReceived,
        WhatsAppAccountUpdated,
    ),
    "policy": (
        MessageApproved,
        WebhookAnswered,
        WebhookReceived,  # of a missed WhatsApp call
        SuppressionAdded,
        SuppressionLifted,
        ForwardRequested,
        SimulationAnswered,
    ),
    "sender": (
        MessageReplaced,
        WebhookAnswered,
        WhatsAppStatusUnmatched,
        WhatsAppIdentityLinked,
        MessageStatusUpdated,
        MessageSettled,
        SuppressionAdded,
        ForwardDelivered,
        ForwardFailed,
        MediaFetched,
        MessageMarkedRead,
    ),
    "audit": (RecordsPurged,),
    "console": (
        ForwardRequested,  # the test of 3CX's chat
        SimulationRequested,
        SuppressionAdded,
        SuppressionLifted,
        RestrictionAdded,
        RestrictionLifted,
        AccountChanged,
        NumberChanged,
        NumberPaused,
        IntegrationChanged,
        SecretRotated,
        DeadLetterReplayed,
        DeadLetterDiscarded,
        ReportRead,
        RecordExported,
        RecordRestored,
        TokenCreated,
        TokenRevoked,
        OperatorRejected,
        SubjectErased,
        ErasureRefused,
        SubjectExported,
        LegalHoldChanged,
    ),
}
"""The events that each service publishes to the events exchange."""

DEAD_LETTERS_ONLY = (WhatsAppPostSetAside,)
"""Events that are published to a dead-letter queue, and never to the events exchange."""

RESULTS_OF_SENDER = (AnswerStatus.SENT,)
"""Codes of `WebhookAnswered` that sender alone may publish."""
