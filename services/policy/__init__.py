"""Policy decides about webhooks, handles customers' messages and preferences, and requests forwards to 3CX systems.

*Consumes* WebhookReceived, WhatsAppMessageReceived, WhatsAppCallReceived, WhatsAppPreferenceChanged,
WhatsAppIdentityChanged, WhatsAppIdentityLinked, SuppressionAdded, MessageStatusUpdated and SimulationRequested.
*Publishes* MessageApproved, WebhookAnswered, WebhookReceived (a missed WhatsApp call), SuppressionAdded,
SuppressionLifted, ForwardRequested and SimulationAnswered.
"""
