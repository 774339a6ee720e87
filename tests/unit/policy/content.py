"""`content_policy`: the gateway's own content policy, read once for all tests of a process."""

from functools import cache

from services.policy.domain.content_policy import ContentPolicy


@cache
def content_policy() -> ContentPolicy:
    """Nothing changes it, so tests share it."""
    return ContentPolicy.load()
