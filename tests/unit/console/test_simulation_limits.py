"""How often decisions are simulated: by token, and by account across tokens."""

from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.handlers.simulation_limits import BY_ACCOUNT, BY_TOKEN, SimulationLimits
from tests.unit.console.world import World


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def refused(limits: SimulationLimits, actor: str, account_id: str) -> dict[str, Any] | None:
    """The details of the refusal; None when the call is admitted."""
    try:
        limits.admit_token(actor)
        limits.admit_account(account_id)
    except GatewayError as error:
        return {"code": error.code, **error.details}
    return None


def test_a_token_has_30_a_minute() -> None:
    clock = Clock()
    limits = SimulationLimits(clock=clock)

    answers = [refused(limits, "one", f"acc_{number}") for number in range(BY_TOKEN + 1)]

    assert answers == [None] * 30 + [
        {"code": OperatorCode.TOO_MANY_REQUESTS, "scope": "token", "limit": 30, "retry_after": 60}
    ]
    clock.now = 60.0
    assert refused(limits, "one", "acc_1") is None


def test_an_account_has_60_a_minute_whoever_asks() -> None:
    limits = SimulationLimits(clock=Clock())

    answers = [refused(limits, f"token {number}", "acc_1") for number in range(BY_ACCOUNT + 1)]

    assert answers == [None] * 60 + [
        {"code": OperatorCode.TOO_MANY_REQUESTS, "scope": "account", "limit": 60, "retry_after": 60}
    ]
    assert refused(limits, "another", "acc_2") is None


async def simulated(world: World, integration_id: str) -> ClientResponse:
    body = {"integration_id": integration_id, "event": {"event_type": "test"}}
    return await world.call("POST", "/policy/simulate", json=body)


async def test_the_31st_simulation_in_a_minute_is_told_when_to_come_back(world: World) -> None:
    integration = await world.integration()
    for _ in range(BY_TOKEN):
        assert (await simulated(world, integration["id"])).status == 200

    answer = await simulated(world, integration["id"])

    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert (await answer.json())["error"] == "too_many_requests"


@pytest.mark.parametrize("integration_id", ["int_unknown"])
async def test_guessing_integrations_counts_too(world: World, integration_id: str) -> None:
    statuses = [(await simulated(world, integration_id)).status for _ in range(BY_TOKEN + 1)]

    assert statuses == [422] * 30 + [429]


async def test_a_question_that_could_not_be_put_to_policy_does_not_count(world: World) -> None:
    integration = await world.integration()
    world.policy.away = "broker"
    failed = [(await simulated(world, integration["id"])).status for _ in range(BY_TOKEN + 1)]
    world.policy.away = None

    answers = [(await simulated(world, integration["id"])).status for _ in range(BY_TOKEN)]

    assert set(failed) == {503}
    assert set(answers) == {200}


async def test_a_question_that_policy_has_counts_also_without_an_answer(world: World) -> None:
    integration = await world.integration()
    world.policy.away = "policy"

    statuses = [(await simulated(world, integration["id"])).status for _ in range(BY_TOKEN + 1)]

    assert statuses == [503] * BY_TOKEN + [429]
