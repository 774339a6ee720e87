"""Policy judges what 3CX asks for, keeps what customers tell us about themselves, and decides who is told of it.

*Hears* WebhookReceived, WhatsAppMessageReceived, WhatsAppPreferenceChanged, WhatsAppIdentityChanged, SuppressionAdded
and MessageStatusUpdated. *Says* MessageApproved, WebhookAnswered, SuppressionAdded, SuppressionLifted and
ForwardRequested.
"""
