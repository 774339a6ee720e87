"""The test of the chat: one line is handed to sender, or the reason why none can be."""

from typing import Any

import pytest

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from services.console.handlers.chat_tests import TEST_CUSTOMER
from tests.unit.console.test_chat_requests import MAIN, an_integration
from tests.unit.console.world import World


async def test_a_line_is_handed_to_sender_under_the_id_that_is_told(world: World) -> None:
    edited = await an_integration(world)

    told = await world.ok("POST", f"/integrations/{edited['id']}/chat-test", {})

    requested = world.broker.events[-1]
    assert isinstance(requested, ForwardRequested)
    assert (requested.kind, requested.integration_id) == (ForwardKind.CHAT_TEST, edited["id"])
    assert requested.content["chat"]["from"] == TEST_CUSTOMER
    assert requested.content["chat"]["to"] == told["main_number"] == MAIN
    assert told["forward_id"] in [str(id_) for _, id_, _ in world.broker.published]


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "the chat is off": ({"chat_enabled": False}, {}, "chat_enabled"),
    "no address": ({"chat_webhook_url": None}, {}, "chat_webhook_url"),
    "no main number": ({"chat_numbers": {}}, {}, "main_number"),
    "another main number": ({}, {"main_number": "+4930999999"}, "main_number"),
}


@pytest.mark.parametrize(("settings", "body", "field"), REFUSED.values(), ids=REFUSED)
async def test_a_chat_that_is_not_set_up_is_not_tested(
    world: World, settings: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    edited = await an_integration(world, **settings)

    answer = await world.call("POST", f"/integrations/{edited['id']}/chat-test", json=body)

    assert answer.status == 422
    assert field in str(await answer.json())
    assert not any(isinstance(event, ForwardRequested) for event in world.broker.events)
