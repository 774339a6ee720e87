"""Policy decides about webhooks, handles customers' messages and preferences, and requests forwards to 3CX systems.

*Consumes* WebhookReceived, WhatsAppMessageReceived, WhatsAppPreferenceChanged, WhatsAppIdentityChanged,
SuppressionAdded, MessageStatusUpdated and SimulationRequested. *Publishes* MessageApproved, WebhookAnswered,
SuppressionAdded, SuppressionLifted, ForwardRequested and SimulationAnswered.
"""
