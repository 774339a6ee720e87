"""Ingress accepts webhooks: it authenticates and rate-limits requests, publishes events, and answers with the result.

*Consumes* `result.<its replica name>.*`, configuration changes, and replayed posts that it could not read.
*Publishes* WebhookReceived, WebhookAnswered, WebhookRejected, WebhookThrottled, WhatsAppMessageReceived,
WhatsAppStatusReceived and the other WhatsApp events of a provider's webhook; WhatsAppPostSetAside as a dead letter.
"""
