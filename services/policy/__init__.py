"""Policy judges what 3CX asks for, and keeps what customers tell us about themselves.

*Hears* WebhookReceived and WhatsAppMessageReceived. *Says* MessageApproved, WebhookAnswered, SuppressionAdded and
SuppressionLifted.
"""
