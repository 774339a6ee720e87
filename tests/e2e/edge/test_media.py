"""Links to customers' files through the edge: the file passes, the caller's address is recorded, nothing else opens."""

from urllib.parse import urlsplit

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.edge.proxies import Edge
from tests.e2e.pbx import running_pbx
from tests.e2e.test_customer_files import a_file
from tools.simulator.webhook_payloads import media_bytes_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = "127.0.7.1"


async def test_a_link_opens_through_the_edge_and_the_record_has_the_callers_address(
    gateway: Gateway, edge: Edge
) -> None:
    async with running_pbx() as pbx:
        integration, part, _ = await a_file(gateway, pbx)
        path = urlsplit(part["media"]["url"]).path

        async with edge.connection(source=CALLER) as connection:
            answer = await connection.exchange("GET", path, [("X-Forwarded-For", "203.0.113.9")])

    assert (answer.status, answer.content) == (200, media_bytes_of(part["id"]))
    (record,) = await gateway.wait_for_records(integration_id=integration.id, type="media.fetched")
    assert record["details"]["address"] == CALLER


async def test_a_large_file_is_whole_behind_the_edge(gateway: Gateway, edge: Edge) -> None:
    size = 8 * 1024 * 1024
    await gateway.whatsapp.configure(media={"size": size})
    try:
        async with running_pbx() as pbx:
            _, part, _ = await a_file(gateway, pbx)
            answer = await edge.get(urlsplit(part["media"]["url"]).path)
    finally:
        await gateway.whatsapp.configure(media={"size": None})

    assert (answer.status, answer.content) == (200, media_bytes_of(part["id"], size))


@pytest.mark.parametrize("path", ["/media", "/media/", "/media/forged", "/mediametrics"])
async def test_what_is_no_link_is_not_found(edge: Edge, path: str) -> None:
    answer = await edge.get(path)

    assert (answer.status, answer.result) == (404, "not_found")
