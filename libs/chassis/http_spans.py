"""Describes outgoing HTTP calls in the current CLIENT span, by aiohttp's own hooks: template, host, port and status.

A caller passes the call's method and URL template as `trace_request_ctx`; ids and queries never become attributes.
"""

from collections.abc import Sequence
from types import SimpleNamespace

import aiohttp

from libs.chassis.span_attributes import METHOD, SERVER_ADDRESS, SERVER_PORT, STATUS, URL_TEMPLATE, AttributeValue
from libs.chassis.spans import annotate_call, is_exporting


def client_call_hooks() -> Sequence[aiohttp.TraceConfig]:
    """The hooks for a session's `trace_configs`; none while no spans are made."""
    if not is_exporting():
        return ()
    hooks = aiohttp.TraceConfig()
    hooks.on_request_start.append(_started)
    hooks.on_request_end.append(_answered)
    return (hooks,)


async def _started(
    _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
) -> None:
    attributes: dict[str, AttributeValue] = {METHOD: request.method}
    if request.url.host is not None:
        attributes[SERVER_ADDRESS] = request.url.host
    if request.url.port is not None:
        attributes[SERVER_PORT] = request.url.port
    template = context.trace_request_ctx
    if not isinstance(template, str):
        annotate_call(attributes, name=request.method)
        return
    annotate_call({**attributes, URL_TEMPLATE: template}, name=f"{request.method} {template}")


async def _answered(_: aiohttp.ClientSession, __: SimpleNamespace, answer: aiohttp.TraceRequestEndParams) -> None:
    annotate_call({STATUS: answer.response.status})
