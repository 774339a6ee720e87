"""The sender: sends approved messages to WhatsApp, each at most once, and posts forwards to 3CX systems.

Consumes MessageApproved, MessageReplaced, WhatsAppStatusReceived, WhatsAppAccountUpdated and ForwardRequested.
Publishes WebhookAnswered, MessageReplaced, MessageStatusUpdated, MessageSettled, WhatsAppStatusUnmatched,
WhatsAppIdentityLinked, SuppressionAdded, ForwardDelivered and ForwardFailed; NumberPaused and changes of restrictions
through the outbox.
"""
