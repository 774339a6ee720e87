"""Ingress accepts webhooks: it authenticates and rate-limits requests, publishes events, and answers with the result.

*Consumes* `result.<its replica name>.*` and configuration changes.
*Publishes* WebhookReceived, WebhookAnswered, WebhookRejected, WebhookThrottled, WhatsAppMessageReceived,
WhatsAppStatusReceived and the other WhatsApp events of a provider's webhook.
"""
