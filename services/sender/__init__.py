"""The sender: sends approved messages to WhatsApp, each at most once, and posts forwards to 3CX systems.

Consumes MessageApproved, WhatsAppStatusReceived and ForwardRequested. Publishes WebhookAnswered, MessageStatusUpdated,
MessageSettled, WhatsAppStatusUnmatched, SuppressionAdded, ForwardDelivered and ForwardFailed; NumberPaused through the
outbox.
"""
