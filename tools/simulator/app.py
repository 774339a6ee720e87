"""The simulator as an aiohttp application, which tests can run in their own process."""

from collections.abc import AsyncIterator

from aiohttp import web

from tools.simulator.contact_book_endpoint import ContactBookEndpoint
from tools.simulator.control import control_routes
from tools.simulator.graph import checking_version
from tools.simulator.media_downloads import MediaDownloads
from tools.simulator.messages_endpoint import MessagesEndpoint
from tools.simulator.read_endpoints import ReadEndpoints
from tools.simulator.simulator_state import STATE, SimulatorSettings, SimulatorState
from tools.simulator.template_endpoint import TemplateEndpoint
from tools.simulator.upload_endpoint import UploadEndpoint

_MAX_BODY = 16 * 1024 * 1024  # a raw webhook of 4 MB, escaped inside a control call; uploads are streamed


def simulator_app(settings: SimulatorSettings) -> web.Application:
    """A new simulator with its own state. Raises ValueError for webhook URLs without an app secret."""
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[checking_version])
    state = app[STATE] = SimulatorState(settings)
    state.set_behaviour(settings.behaviour)
    app.add_routes(control_routes(state))
    app.router.add_post("/{version}/{phone_number_id}/messages", MessagesEndpoint(state).__call__)
    reads = ReadEndpoints(state)
    app.router.add_get("/_media/{media_id}", MediaDownloads(state).download)
    app.router.add_get("/{version}/{business_account_id}/message_templates", TemplateEndpoint(state).__call__)
    app.router.add_post("/{version}/{phone_number_id}/media", UploadEndpoint(state).__call__)
    app.router.add_delete("/{version}/{phone_number_id}/contact_book", ContactBookEndpoint(state).__call__)
    app.router.add_get("/{version}/{object_id}", reads.read)
    app.cleanup_ctx.append(_webhooks_running)
    return app


async def _webhooks_running(app: web.Application) -> AsyncIterator[None]:
    app[STATE].webhooks.start()
    yield
    await app[STATE].webhooks.stop()
    app[STATE].history.close()


def simulator_runner(settings: SimulatorSettings) -> web.AppRunner:
    """A runner of the application, without access log and with a short wait for hanging requests."""
    return web.AppRunner(simulator_app(settings), access_log=None, shutdown_timeout=1.0)
