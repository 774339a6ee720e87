"""A stand-in for Meta's WhatsApp Cloud API: it takes sends, signs webhooks and fails on command.

It speaks Meta's wire format and nothing of the gateway's; no service may import it.
"""
