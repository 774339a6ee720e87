"""Sender hands approved messages to WhatsApp, each at most once, and says what became of them.

*Hears* MessageApproved. *Says* WebhookAnswered.
"""
