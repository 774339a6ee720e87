"""Ingress takes webhooks in: it authenticates and rate-limits, publishes, waits for the result, answers.

*Hears* `result.<its own name>.*` and changes of the configuration.
*Says* WebhookReceived, WebhookAnswered, WebhookRejected, WebhookThrottled, WhatsAppMessageReceived,
WhatsAppStatusReceived.
"""
