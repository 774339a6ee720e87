"""What every endpoint of the Graph API has in common: the version in the path, and the bearer token."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from tools.simulator.fault_responses import json_answer
from tools.simulator.meta_errors import BAD_TOKEN, MetaError, unknown_path
from tools.simulator.simulator_state import STATE, SimulatorSettings

CURRENT_VERSION: Final = 26
OLDEST_VERSION: Final = 21
"""v20.0 ended on 24 Sep 2026. An ended version is answered as the oldest one that is left, which the header names."""
VERSION_HEADER: Final = "facebook-api-version"
_VERSION: Final = re.compile(r"v(\d{1,3})\.\d{1,2}", re.ASCII)


def version_from(text: str) -> str | None:
    """The version that answers a request for `text`; None for a version that Meta does not have."""
    match = _VERSION.fullmatch(text)
    number = int(match[1]) if match else CURRENT_VERSION + 1
    return None if number > CURRENT_VERSION else f"v{max(number, OLDEST_VERSION)}.0"


def token_error(request: web.Request, settings: SimulatorSettings) -> MetaError | None:
    """190 for a request without bearer token, or with one that is not known."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = settings.access_tokens
    if scheme.lower() != "bearer" or not token.strip() or (known and token.strip() not in known):
        return BAD_TOKEN
    return None


@web.middleware
async def checking_version(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a version that Meta does not have (2500), and name the one that answers in the header."""
    asked = request.match_info.get("version")
    if asked is None:
        return await handler(request)
    version = version_from(asked)
    if version is None:
        error = unknown_path(asked)
        return json_answer(error.envelope(request.app[STATE].ids.fbtrace_id()), status=error.status)
    response = await handler(request)
    if not response.prepared:
        response.headers[VERSION_HEADER] = version
    return response
