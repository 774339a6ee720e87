"""The sender: sends approved messages to WhatsApp, each at most once, posts forwards to 3CX systems, and serves files.

Consumes MessageApproved, MessageReplaced, WhatsAppStatusReceived, WhatsAppAccountUpdated and ForwardRequested.
Publishes WebhookAnswered, MessageReplaced, MessageStatusUpdated, MessageSettled, WhatsAppStatusUnmatched,
WhatsAppIdentityLinked, SuppressionAdded, ForwardDelivered, ForwardFailed, MediaFetched,
MessageMarkedRead; NumberPaused and changes of
restrictions through the outbox.
"""
