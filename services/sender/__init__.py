"""Sender hands approved messages to WhatsApp, each at most once, says what became of them, and tells 3CX systems.

*Hears* MessageApproved, WhatsAppStatusReceived, ForwardRequested. *Says* WebhookAnswered, MessageStatusUpdated,
MessageSettled, WhatsAppStatusUnmatched, SuppressionAdded, ForwardDelivered, ForwardFailed, and NumberPaused through
the outbox.
"""
