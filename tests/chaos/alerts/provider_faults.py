"""Faults of WhatsApp and of 3CX systems, each on a number of its own, so that all can be there at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from tests.chaos.alerts.fault import Expected, Fault, Severity
from tests.chaos.alerts.service_levels import LEVELS
from tests.chaos.alerts.world import World
from tests.e2e.driver import Integration
from tests.e2e.pbx import Pbx
from tools.simulator import faults as simulator
from tools.simulator.faults import FaultStep, Match

UNKNOWN_CODE = 9_999_999
"""No code of Meta's."""
SPAM = 131_048
LARGE = {"daily_limit": 1_000_000, "plan": "scale"}
FAST = {"messages_per_second": 1000}
TEMPLATE = {"name": "reopen", "language": "en", "parameters": ["business_name"]}
SLOW = LEVELS | {"GatewayPendingAnswers", "GatewayUnavailableAnswers"}
"""True of the callers whose number it is; they are a good part of the traffic here."""
CUT = SLOW | {"GatewayUnknownOutcomes"}
"""The mend cuts the calls that hang."""
Mend = Callable[[World, Integration], Awaitable[None]]


async def nothing(world: World, integration: Integration) -> None:
    """The fault is over when WhatsApp no longer does it."""


def on_a_number(
    name: str,
    fault: simulator.Fault,
    *expected: Expected,
    match: Match = Match(),  # noqa: B008 -- frozen
    messages: int | None = None,
    mend: Mend = nothing,
    companions: frozenset[str] = frozenset(),
    severity: Severity = "ticket",
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Fault:
    """WhatsApp does this to one number: to so many messages, or to a stream of them until the mend and after it."""
    used: list[Integration] = []
    customers: list[str] = []

    async def prepare(world: World) -> None:
        integration = await world.gateway.create_integration(account=LARGE, number=FAST, **settings)
        used.append(integration)
        customers[:] = [world.gateway.a_customer() for _ in range(messages or 60)]
        if not settings:  # else they get a template
            await world.gateway.customers_write(integration, customers)

    async def begin(world: World) -> None:
        integration = used[-1]
        limited = match.model_copy(update={"phone_number_id": integration.number, "times": messages})
        await world.provoke(name, FaultStep(match=limited, fault=fault))
        if messages is None:
            world.traffic.also([integration], customers, pause=1.0)
        else:
            for customer in customers:
                await world.accepted(integration, customer)

    async def end(world: World) -> None:
        await world.relieve(name)
        await mend(world, used[-1])

    return Fault(
        name=name,
        prepare=prepare,
        begin=begin,
        mend=end,
        expected=expected,
        companions=companions,
        severity=severity,
    )


async def a_new_token(world: World, integration: Integration) -> None:
    """What the runbook says about refused credentials."""
    path = f"/accounts/{integration.account_id}/instances/{integration.instance_id}"
    await world.gateway.done("PATCH", path, {"access_token": "EAA-a-new-token"})


async def lifted(world: World, integration: Integration) -> None:
    """What the runbook says about restrictions whose cause is gone."""
    found = (await world.gateway.done("GET", "/restrictions", account_id=integration.account_id))["items"]
    for each in found:
        await world.gateway.done("DELETE", f"/restrictions/{each['id']}", reason="The reports were about a test")


def provider_faults() -> list[Fault]:
    """All of them."""
    breaker = Expected("GatewayBreakerStopped")

    def unknown(reason: str) -> Expected:
        return Expected("GatewayUnknownOutcomes", {"reason": reason})

    return [
        on_a_number(
            "WhatsApp answers 503",
            simulator.Fault(kind="http_status", http_status=503),
            unknown("server_error"),
            breaker,
            companions=SLOW,
        ),
        on_a_number("WhatsApp hangs", simulator.Fault(kind="hang"), unknown("timeout"), breaker, companions=CUT),
        on_a_number("one answer is lost", simulator.Fault(kind="drop_after"), unknown("connection_lost"), messages=1),
        on_a_number(
            "WhatsApp answers an unknown code",
            simulator.Fault(kind="error", code=UNKNOWN_CODE),
            Expected("GatewayUnclassifiedCodes"),
            messages=1,
        ),
        on_a_number(
            "credentials refused (190)",
            simulator.Fault(kind="error", code=190),
            Expected("GatewayCredentialsRefused"),
            Expected("GatewayRestrictionOfNumber", {"cause": "190"}),
            match=Match(kind="any"),
            mend=a_new_token,
            severity="page",
        ),
        on_a_number(
            "number restricted (131048)",
            simulator.Fault(kind="error", code=SPAM),
            Expected("GatewayNumberRestricted"),
            Expected("GatewayRestrictionOfNumber", {"cause": str(SPAM)}),
            mend=lifted,
            severity="page",
        ),
        on_a_number(
            "customer's identity changed (137000)",
            simulator.Fault(kind="error", code=137_000),
            Expected("GatewayRestrictionForAPerson", {"cause": "137000"}),
            messages=1,
            mend=lifted,
        ),
        on_a_number(
            "template paused (132015)",
            simulator.Fault(kind="error", code=132_015),
            Expected("GatewayRestrictionOfTemplate", {"cause": "132015"}),
            messages=1,
            mend=lifted,
            settings={"strict_window": False, "window_template": TEMPLATE},
        ),
        forward_target_dead(),
        flood(),
    ]


def flood() -> Fault:
    """Somebody guesses the secret of an integration, ten times a second."""
    guessing: list[asyncio.Task[None]] = []

    async def begin(world: World) -> None:
        [integration, *_] = world.traffic.integrations

        async def guess() -> None:
            while True:
                await world.gateway.post(integration, {"event_type": "test"}, secret="wrong")
                await asyncio.sleep(0.1)

        guessing.append(asyncio.create_task(guess()))

    async def mend(world: World) -> None:
        for task in guessing:
            task.cancel()
        await asyncio.gather(*guessing, return_exceptions=True)

    return Fault(
        name="secrets guessed",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayRejectionsFlood"),),
        severity="ticket",
    )


def forward_target_dead() -> Fault:
    """A 3CX system whose forward address refuses connections while customers write; the mend starts it."""
    pbx = Pbx()

    async def begin(world: World) -> None:
        integration = await world.gateway.create_integration(forward_url=pbx.url)
        await world.gateway.customers_write(integration, [world.gateway.a_customer() for _ in range(3)])

    async def mend(world: World) -> None:
        await pbx.start()

    return Fault(
        name="3CX system refuses forwards",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayForwardsStopped"),),
        severity="ticket",
    )
