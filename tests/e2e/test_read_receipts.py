"""A customer sees that a message was read once the 3CX system has it, where the integration says so."""

from typing import Any

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.pbx import running_pbx
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("settings", "count"), [({"read_receipts": "on_forward"}, 1), ({}, 0)], ids=["on", "default"])
async def test_a_forwarded_message_is_marked_as_read_by_rule(
    gateway: Gateway, settings: dict[str, Any], count: int
) -> None:
    async with running_pbx() as pbx:
        integration = await gateway.create_integration(forward_url=pbx.url, **settings)
        await gateway.a_customer_who_wrote(integration)
        await gateway.wait_for_records(integration_id=integration.id, type="forward.delivered")

        async def receipts() -> list[object]:
            requests = await gateway.whatsapp.requests(phone_number_id=integration.number)
            return [each for each in requests if each.outcome == "read"]

        if count:
            await eventually(receipts)
            [record] = await gateway.wait_for_records(integration_id=integration.id, type="message.marked_read")
            assert record["customer_hash"]
        assert len(await receipts()) == count
