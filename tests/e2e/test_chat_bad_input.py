"""Messages of 3CX's chat that cannot be sent: refused with the field, and nothing reaches anybody."""

from typing import Any

import pytest

from tests.e2e.chat_desk import (
    ANSWERED,
    a_desk,
)
from tests.e2e.driver import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


REFUSED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "an unknown main number": ({"from": "+4930999999"}, "missing_phone", "from"),
    "no main number": ({"from": None}, "missing_phone", "from"),
    "no plus": ({"to": "966512345678"}, "missing_phone", "to"),
    "a national number": ({"to": "0512345678"}, "missing_phone", "to"),
    "an extension": ({"to": "101"}, "missing_phone", "to"),
    "nobody": ({"to": None}, "missing_phone", "to"),
    "an unknown pseudo number": ({"to": "+99912345678901"}, "missing_phone", "to"),
    "an empty text": ({"text": ""}, "missing_message_text", None),
    "white space": ({"text": " \n\t "}, "missing_message_text", None),
    "control characters alone": ({"text": "\x00\x07\x1b"}, "missing_message_text", None),
    "no text": ({"text": None}, "missing_message_text", None),
    "4,097 characters": ({"text": "a" * 4097}, "message_text_too_long", None),
}


async def test_what_cannot_be_sent_is_refused_with_the_field(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        desk.threecx.other_main_numbers.add("+4930999999")  # a trunk that the gateway does not know
        for name, (change, code, field) in REFUSED.items():
            body = {"from": desk.threecx.main_number, "to": customer, "text": ANSWERED} | change
            sent = await desk.threecx.post(body)

            assert (sent.shown, sent.status, sent.body.get("error")) == ("failed", 422, code), (name, sent)
            assert field is None or sent.body["details"]["field"] == field, name
        own = await desk.threecx.post(
            {"from": desk.threecx.main_number, "to": desk.threecx.main_number, "text": ANSWERED}
        )

        assert (own.status, own.body["error"], own.body["details"]["field"]) == (422, "missing_phone", "to")
        assert await desk.received_by(customer) == []
