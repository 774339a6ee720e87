"""Reports when the configured version of the providers' API ends: a gauge, and one warning at start."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from libs.chassis.telemetry import logger
from libs.providers.provider import Provider
from services.sender.metrics import API_VERSION_END

WARN_BEFORE: Final = timedelta(days=90)
"""As long as the alert GatewayApiVersionEnds."""
log = logger(__name__)


def report_api_version(version: str, providers: Iterable[Provider], *, today: date) -> None:
    """Set the gauge for every provider that has announced the version's end; warn if that is near or past."""
    for provider in providers:
        end = None if provider.api_end is None else provider.api_end(version)
        if end is None:
            continue
        midnight = datetime.combine(end, time(), UTC)
        API_VERSION_END.labels(provider.kind, version).set(midnight.timestamp())
        if end - today < WARN_BEFORE:
            log.warning(
                "the configured API version ends soon or has ended: set GATEWAY_WHATSAPP_API_VERSION to a newer one",
                provider=provider.kind,
                version=version,
                end=end.isoformat(),
                days_left=(end - today).days,
            )
