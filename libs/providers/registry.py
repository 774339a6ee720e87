"""The list of providers. To add one, add its package's `PROVIDER` here."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from libs.providers import cloud_api, evolution
from libs.providers.outcomes import Refused
from libs.providers.provider import Provider


def by_kind(*providers: Provider) -> Mapping[str, Provider]:
    """The providers by kind. Raises ValueError when two share a kind or a webhook path."""
    kinds = {provider.kind: provider for provider in providers}
    paths = {provider.endpoint.path for provider in providers}
    if len(kinds) < len(providers) or len(paths) < len(providers):
        raise ValueError("two providers have the same kind or webhook path")
    return MappingProxyType(kinds)


PROVIDERS: Final = by_kind(
    cloud_api.PROVIDER,
    evolution.PROVIDER,
)


def meaning_of(kind: str, code: int) -> str | None:
    """What a provider's error code means, as a sentence; None for a provider or a code that no table has."""
    provider = PROVIDERS.get(kind)
    if provider is None:
        return None
    found = provider.errors.classify(Refused(code=code, http_status=HTTPStatus.OK))
    return None if found.unclassified else found.meaning


def recipient_of(kind: str) -> str | None:
    """Who gets the messages with a provider, as a sentence; None for a provider that no sentence is known of."""
    provider = PROVIDERS.get(kind)
    return None if provider is None else provider.recipient
