"""Delivers scheduled reports by webhook: posts the JSON document with its id, signed if there is a secret."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from services.console.domain.documents import Document

log = logger(__name__)
TIMEOUT_SECONDS = 30.0
JSON = "application/json"
PREFIX = "X-WhatsApp-Gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWebhook:
    """`DeliverReport`: a report may be posted twice, with the same `Idempotency-Key`."""

    url: str = field(repr=False)
    secret: bytes | None = field(repr=False)
    clock: Clock

    async def __call__(self, report_id: str, documents: Sequence[Document]) -> bool:
        """Post the JSON document; False unless the answer is a 2xx."""
        body = next(document.content for document in documents if document.media_type == JSON)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self.url, data=body, headers=self._headers(report_id, body), allow_redirects=False
                ) as answer,
            ):
                accepted = answer.status // 100 == 2  # noqa: PLR2004 -- 2xx
        except (aiohttp.ClientError, TimeoutError) as failure:
            log.warning("report not posted", report=report_id, failure=type(failure).__name__)
            return False
        if not accepted:
            log.warning("report not accepted", report=report_id, status=answer.status)
        return accepted

    def _headers(self, report_id: str, body: bytes) -> dict[str, str]:
        """The headers, with the signature of 3CX webhooks: HMAC-SHA256 of `timestamp + "." + body`."""
        timestamp = str(int(self.clock().timestamp()))
        headers = {
            "Content-Type": JSON,
            "Idempotency-Key": report_id,
            f"{PREFIX}-Event": "report.monthly",
            f"{PREFIX}-Timestamp": timestamp,
        }
        if self.secret is not None:
            digest = hmac.new(self.secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers[f"{PREFIX}-Signature"] = f"sha256={digest}"
        return headers
