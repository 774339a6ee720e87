"""Which names in WhatsApp's answer to a send are another name of the recipient, and which are nobody's."""

from typing import Any

import pytest

from libs.providers.outcomes import Accepted
from services.sender.domain.identities import identity_linked_from
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import approved

BRAZILIAN, DIGITS = "+5511987654321", "551187654321"
GABONESE, FORMER = "+24106123456", "2416123456"


def linked(message: dict[str, Any], **names: Any) -> tuple[str | None, str | None, str | None] | None:
    """The canonical number, the digits and the user id that an answer with `names` links; None without an event."""
    accepted = Accepted(message_id="wamid.1", **names)
    event = identity_linked_from(approved(**message), accepted, at=NOON)
    return None if event is None else (event.linked_customer, event.linked_wa_id, event.linked_user_id)


TO_BRAZILIAN = {"customer": BRAZILIAN}


@pytest.mark.parametrize(
    ("message", "names", "expected"),
    [
        pytest.param(TO_BRAZILIAN, {}, None, id="an answer without names"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "5511987654321"}, None, id="the digits that were sent to"),
        pytest.param(TO_BRAZILIAN, {"wa_id": DIGITS}, (BRAZILIAN, DIGITS, None), id="whatsapp's own form"),
        pytest.param(TO_BRAZILIAN | {"customer_wa_id": DIGITS}, {"wa_id": DIGITS}, None, id="the form that is known"),
        pytest.param(
            {"customer": GABONESE}, {"wa_id": FORMER}, (f"+{FORMER}", FORMER, None), id="a spelling without a rule"
        ),
        pytest.param(TO_BRAZILIAN, {"wa_id": "15550783881"}, None, id="a test number"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "966500000000"}, None, id="a server that answers one number for all"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "5521999999999"}, None, id="another person of the country"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "120363041234567890"}, None, id="a group"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "+551187654321"}, None, id="no digits"),
        pytest.param(TO_BRAZILIAN, {"user_id": "BR.900000001"}, (None, None, "BR.900000001"), id="a user id"),
        pytest.param(TO_BRAZILIAN, {"user_id": "+551187654321"}, None, id="a number in the user id's place"),
        pytest.param(TO_BRAZILIAN | {"customer_user_id": "BR.9"}, {"user_id": "BR.9"}, None, id="a known user id"),
        pytest.param(
            {"customer": None, "customer_user_id": "BR.9"},
            {"wa_id": DIGITS, "user_id": "BR.9"},
            (BRAZILIAN, DIGITS, None),
            id="the phone of a user id",
        ),
        pytest.param(
            {"customer": None, "customer_user_id": "BR.9"},
            {"wa_id": DIGITS, "user_id": "BR.8"},
            None,
            id="the phone of another user id",
        ),
    ],
)
def test_an_answer_links_what_is_another_name_of_the_recipient(
    message: dict[str, Any], names: dict[str, Any], expected: object
) -> None:
    assert linked(message, **names) == expected
