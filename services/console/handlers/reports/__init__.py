"""Compliance reports: built on request and every month, and recorded when somebody reads them."""
