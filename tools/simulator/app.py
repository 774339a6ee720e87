"""The simulator as an aiohttp application, so that a test may run it in its own process."""

from collections.abc import AsyncIterator

from aiohttp import web

from tools.simulator.control import control_routes
from tools.simulator.sending import Messages
from tools.simulator.state import STATE, SimulatorSettings, State

_MAX_BODY = 16 * 1024 * 1024  # a raw webhook of 4 MB, escaped inside a control call


def simulator_app(settings: SimulatorSettings) -> web.Application:
    """A new simulator with a state of its own; raises ValueError where webhooks could not be signed."""
    app = web.Application(client_max_size=_MAX_BODY)
    state = app[STATE] = State(settings)
    state.behave(settings.behaviour)
    app.add_routes(control_routes(state))
    app.router.add_post("/{version}/{phone_number_id}/messages", Messages(state).__call__)
    app.cleanup_ctx.append(_webhooks_running)
    return app


async def _webhooks_running(app: web.Application) -> AsyncIterator[None]:
    app[STATE].webhooks.start()
    yield
    await app[STATE].webhooks.stop()
    app[STATE].memory.close()


def simulator_runner(settings: SimulatorSettings) -> web.AppRunner:
    """The application in a runner as `__main__` uses it: no access log, and no long wait for hanging callers."""
    return web.AppRunner(simulator_app(settings), access_log=None, shutdown_timeout=1.0)
