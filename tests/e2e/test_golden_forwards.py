"""Each type of message of each provider: the webhook that a provider posts, and the forward that a 3CX system gets.

The golden files in `golden/` hold both. They go the whole way, so none of them can agree with a code that nobody runs.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libs.providers.evolution.messages import KINDS
from tests.e2e.cases.bodies import Case
from tests.e2e.cases.outside import ForwardReceiver, a_forward_receiver
from tests.e2e.cases.player import Player, World
from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually
from tests.evolution_stub import EvolutionStub, evolution

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOLDEN = Path(__file__).parent / "golden"
CHANNELS = {"cloud_api": "meta", "evolution": "evolution"}
FILES = sorted(GOLDEN.glob("*/*.json"))
METAS_TYPES = {
    "text", "image", "audio", "video", "document", "sticker", "location", "contacts", "button", "interactive",
    "reaction", "order", "system", "unsupported",
}  # fmt: skip
"""The types of messages in Meta's webhook reference."""
OWN_IDS = ("id", "account_id", "integration_id")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receiver() -> AsyncIterator[ForwardReceiver]:
    async with a_forward_receiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def players(gateway: Gateway, receiver: ForwardReceiver) -> AsyncIterator[dict[str, Player]]:
    """An account with a number of each provider."""
    async with evolution(EvolutionStub(instances={})) as server:
        world = World(gateway, receiver, server)
        made = {provider: Player(world, Case("golden", steps=(), provider=provider)) for provider in CHANNELS}
        for player in made.values():
            await player.set_up()
        yield made


def without_own_ids(forward: dict[str, Any], player: Player) -> dict[str, Any]:
    """The forward without the ids that are new in every run."""
    number = {"instance_id": player.integration.instance_id, "phone_number_id": player.integration.number}
    assert forward["number"] == number
    assert all(forward[name] for name in OWN_IDS)
    kept = {name: value for name, value in forward.items() if name not in {*OWN_IDS, "number"}}
    if media := file_in(kept):
        assert media.pop("url").startswith(f"{player.world.gateway.stack.media_urls[0]}/media/")
    if "opt_out" in forward:  # its time is that of the opt-out's record
        assert kept.pop("time")
        kept["opt_out"] = forward["opt_out"] | {"id": "sup_1"}
    return kept


def file_in(forward: dict[str, Any]) -> dict[str, Any] | None:
    """The link to the file of a forward, and what is said about the file."""
    message = forward.get("message", {})
    part = message.get(message.get("type"))
    return part.get("media") if isinstance(part, dict) else None


def names_of(forward: dict[str, Any]) -> tuple[str, str]:
    """The type of a forward, and WhatsApp's id of what it is about."""
    if "opt_out" in forward:
        return forward["type"], forward["opt_out"]["message_id"]
    return forward["type"], (forward.get("message") or forward["call"])["id"]


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}/{file.stem}" for file in FILES])
async def test_a_webhook_is_forwarded_as_documented(
    file: Path, players: dict[str, Player], receiver: ForwardReceiver
) -> None:
    golden, player = json.loads(file.read_text(encoding="utf-8")), players[file.parent.name]
    wanted = names_of(golden["forward"])

    await player.do({"do": CHANNELS[file.parent.name], "bytes": json.dumps(golden["webhook"])})

    async def forwarded() -> dict[str, Any] | None:
        received = receiver.received[player.integration.account_id]
        return next((forward for forward in received if names_of(forward) == wanted), None)

    forward = await eventually(forwarded)
    assert player.answer.status == 200
    assert forward is not None
    assert without_own_ids(forward, player) == golden["forward"]


@pytest.mark.parametrize("provider", CHANNELS)
async def test_every_type_has_a_golden_file(provider: str) -> None:
    told = {json.loads(file.read_text("utf-8"))["forward"].get("message", {}).get("type") for file in FILES
            if file.parent.name == provider}  # fmt: skip
    types = METAS_TYPES | ({"edit", *KINDS.values()} if provider == "evolution" else {"edit", "revoke", "unknown"})

    assert types - told == set()
