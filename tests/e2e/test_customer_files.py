"""The whole way of a customer's file: the webhook, the forward with its link, the file, the record of who got it."""

import base64
import hashlib
import time
from typing import Any

import pytest
from aiohttp import hdrs

from tests.e2e.driver import Gateway, Integration
from tests.e2e.pbx import Pbx, running_pbx
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tests.evolution_stub import StoredMedia, upsert
from tools.simulator.webhook_payloads import media_bytes_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def forwarded_file(pbx: Pbx) -> dict[str, Any]:
    """The file's object in the first forward."""

    async def there() -> bool:
        return bool(pbx.of("message.received"))

    await eventually(there)
    message = pbx.of("message.received")[0].body["message"]
    part: dict[str, Any] = message[message["type"]]
    return part


async def fetched(gateway: Gateway, url: str, method: str = "GET") -> tuple[int, bytes]:
    async with gateway.http.request(method, url) as response:
        return response.status, await response.read()


async def a_file(gateway: Gateway, pbx: Pbx, **settings: Any) -> tuple[Integration, dict[str, Any], str]:
    """A line whose customer has sent a picture."""
    integration = await gateway.create_integration(forward_url=pbx.url, **settings)
    customer = await gateway.a_customer_who_wrote(integration, type="image")
    return integration, await forwarded_file(pbx), customer


async def test_a_3cx_system_opens_the_picture_that_a_customer_sent(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, part, _ = await a_file(gateway, pbx)

        status, body = await fetched(gateway, part["media"]["url"])

        assert (status, body) == (200, media_bytes_of(part["id"]))
        assert part["media"]["sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
        (record,) = await gateway.wait_for_records(integration_id=integration.id, type="media.fetched")
        details = record["details"]
        assert (details["outcome"], details["bytes"], details["kind"]) == ("delivered", len(body), "image")
        assert details["sha256"] == hashlib.sha256(body).hexdigest()
        assert details["address"] == "127.0.0.1"
        assert record["customer_hash"]


async def test_every_sender_opens_a_link_whichever_made_it(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        _, part, _ = await a_file(gateway, pbx)
        token = part["media"]["url"].rsplit("/", 1)[1]

        answers = {await fetched(gateway, f"{url}/media/{token}") for url in gateway.stack.media_urls}

        assert answers == {(200, media_bytes_of(part["id"]))}


async def test_an_evolution_servers_file_is_opened_alike(gateway: Gateway) -> None:
    async with running_pbx() as pbx, a_shop(gateway) as shop:
        await gateway.done("PATCH", f"/integrations/{shop.integration.id}", {"forward_url": pbx.url})
        shop.server.media["3AFILE"] = StoredMedia(b"a picture", "image/png")
        customer = gateway.a_customer().removeprefix("+")
        message = {"imageMessage": {"mimetype": "image/png", "caption": "Look"}}
        data = upsert("3AFILE", f"{customer}@s.whatsapp.net", message=message, messageType="imageMessage")
        assert await shop.tells("messages.upsert", data | {"messageTimestamp": int(time.time())}) == 200

        status, body = await fetched(gateway, (await forwarded_file(pbx))["media"]["url"])

        assert (status, body) == (200, b"a picture")


async def test_an_integration_without_links_has_the_forward_of_before(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        _, part, _ = await a_file(gateway, pbx, media_links="off")

        assert "media" not in part


async def test_a_link_is_dead_once_links_are_switched_off(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, part, _ = await a_file(gateway, pbx)

        await gateway.done("PATCH", f"/integrations/{integration.id}", {"media_links": "off"})

        async def dead() -> bool:
            return (await fetched(gateway, part["media"]["url"]))[0] == 404

        await eventually(dead, pause=0.5)


async def test_the_file_of_a_person_who_was_erased_cannot_be_opened(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        integration, part, customer = await a_file(gateway, pbx)
        assert (await fetched(gateway, part["media"]["url"], hdrs.METH_HEAD))[0] == 200

        body = {"account_id": integration.account_id, "phone": customer, "reason": "asked by mail"}
        assert (await gateway.done("POST", "/erasures", body))["status"] == "finished"

        forged = await fetched(gateway, f"{gateway.stack.media_urls[0]}/media/forged")
        assert await fetched(gateway, part["media"]["url"]) == forged
        assert forged[0] == 404


async def test_a_link_and_its_file_are_in_no_log(gateway: Gateway) -> None:
    async with running_pbx() as pbx:
        _, part, _ = await a_file(gateway, pbx)
        assert (await fetched(gateway, part["media"]["url"]))[0] == 200
        token = part["media"]["url"].rsplit("/", 1)[1]

        logs = [path.read_text("utf-8") for path in gateway.stack.plan.data_dir.glob("logs/*.log")]

        assert logs
        assert not any(token in text or part["id"] in text for text in logs)
