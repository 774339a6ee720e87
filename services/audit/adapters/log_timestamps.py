"""`HttpTimestampAuthority`: timestamps of a time stamping authority (RFC 3161) over HTTP."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from cryptography.x509 import Certificate
from rfc3161_client import TimestampRequestBuilder, VerificationError, VerifierBuilder, decode_timestamp_response

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_MOST_BYTES: Final = 1 << 18
_HEADERS: Final = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class HttpTimestampAuthority:
    """`TimestampAuthority`. Its answers are checked against `roots`; without roots they are kept unchecked."""

    address: str = field(repr=False)
    roots: tuple[Certificate, ...] = ()

    async def timestamp(self, message: bytes) -> bytes:
        """As `TimestampAuthority.timestamp`."""
        request = TimestampRequestBuilder().data(message).build()
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(self.address, data=request.as_bytes(), headers=_HEADERS, allow_redirects=False) as answer,
            ):
                body, status = await answer.content.read(_MOST_BYTES), answer.status
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise ConnectionError(f"the authority cannot be reached: {type(failure).__name__}") from None
        if status // 100 != 2:  # noqa: PLR2004 -- any success
            raise ConnectionError(f"the authority answered {status}")
        return await asyncio.to_thread(self._checked, request.nonce, message, body)

    def _checked(self, nonce: int | None, message: bytes, body: bytes) -> bytes:
        try:
            response = decode_timestamp_response(body)
            if response.tst_info.nonce != nonce:
                raise ConnectionError("the authority's answer belongs to another request")
            if self.roots:
                builder = VerifierBuilder()
                for root in self.roots:
                    builder = builder.add_root_certificate(root)
                builder.build().verify_message(response, message)
        except (ValueError, VerificationError):
            raise ConnectionError("the authority's answer is not a valid timestamp") from None
        return body
