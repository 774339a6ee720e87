"""A simulator and the business's side, for each test."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.integration.simulator.world import QUICK, SECRET, Callback, WhatsApp, listening, running
from tools.simulator.behaviour import Behaviour, RetryPlan
from tools.simulator.simulator_state import SimulatorSettings


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    business = Callback()
    app = web.Application()
    app.router.add_post("/webhook", business.take)
    app.router.add_get("/webhook", business.verify)
    runner = web.AppRunner(app)
    business.url = await listening(runner) + "/webhook"
    yield business
    await runner.cleanup()


@pytest.fixture
async def whatsapp(callback: Callback) -> AsyncIterator[WhatsApp]:
    behaviour = Behaviour(webhook_urls=(callback.url,), statuses=QUICK, retries=RetryPlan(base=0.02, attempts=5))
    async with running(SimulatorSettings(app_secret=SECRET, behaviour=behaviour)) as simulator:
        yield simulator
