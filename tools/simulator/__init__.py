"""A simulator of Meta's WhatsApp Cloud API: it accepts sends, posts signed webhooks, and fails as a script says.

It uses Meta's wire format and none of the gateway's; no service may import it.
"""
