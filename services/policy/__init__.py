"""Policy judges what 3CX asks for, keeps what customers tell us about themselves, and decides who is told of it.

*Hears* WebhookReceived, WhatsAppMessageReceived, WhatsAppPreferenceChanged, WhatsAppIdentityChanged, SuppressionAdded,
MessageStatusUpdated and SimulationRequested. *Says* MessageApproved, WebhookAnswered, SuppressionAdded,
SuppressionLifted, ForwardRequested and SimulationAnswered.
"""
