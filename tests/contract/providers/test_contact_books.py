"""The Cloud API's contact book: one DELETE, whose answer alone proves that an entry is gone."""

from typing import Any

import pytest

from libs.providers.cloud_api.contact_books import CloudApiContactBooks
from libs.providers.contact_books import DeletionOutcome, EntryDeleted
from libs.providers.http import open_session
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused
from libs.providers.outgoing import NumberCredentials
from libs.providers.registry import PROVIDERS
from tests.contract.providers.http_server import (
    ANYWHERE,
    Script,
    Stub,
    answering,
    provider,
    sender_options,
    writing_then,
)

USER = "SA.1234567890"


async def deleted(script: Script, *, token: str = "a-secret-token") -> tuple[DeletionOutcome, Stub]:
    async with provider(script) as stub, open_session(timeout_s=2.0, connections=2, addresses=ANYWHERE) as session:
        url = f"http://127.0.0.1:{stub.port}"
        number = NumberCredentials(number_id="n1", phone_number_id="1065", access_token=token, base_url=url)
        books = CloudApiContactBooks(sender_options(session, url, addresses=ANYWHERE))
        return await books.delete(number, USER), stub


ANSWERS: dict[str, tuple[int, Any, DeletionOutcome]] = {
    "success": (200, {"success": True}, EntryDeleted()),
    "no success": (200, {"success": False}, OutcomeUnknown("not_confirmed", 200)),
    "a page": (200, b"<html>", OutcomeUnknown("not_confirmed", 200)),
    "an error of the API": (400, {"error": {"code": 100}}, Refused(code=100, http_status=400)),
    "an error in a 200": (200, {"error": {"code": 190}}, Refused(code=190, http_status=200)),
    "not found by a proxy": (404, {}, Refused(code=None, http_status=404)),
    "a server error": (502, {}, OutcomeUnknown("server_error", 502)),
}


@pytest.mark.parametrize(("status", "body", "outcome"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_only_success_proves_that_the_entry_is_gone(status: int, body: Any, outcome: DeletionOutcome) -> None:
    assert (await deleted(answering(status, body)))[0] == outcome


async def test_a_broken_connection_proves_nothing() -> None:
    outcome, _ = await deleted(writing_then(b"", abort=True))

    assert isinstance(outcome, OutcomeUnknown)


async def test_a_token_that_is_no_header_is_not_sent() -> None:
    assert (await deleted(answering(200, {"success": True}), token="a\nb"))[0] == NotSent("invalid_token")


async def test_the_call_names_product_and_user_id() -> None:
    _, stub = await deleted(answering(200, {"success": True}))

    [(line, headers, _)] = stub.requests
    method, path, _ = line.split(" ")
    assert (method, path.split("/1065/")[1]) == ("DELETE", f"contact_book?messaging_product=whatsapp&bsuid={USER}")
    assert headers["authorization"] == "Bearer a-secret-token"


def test_evolution_keeps_no_contact_book() -> None:
    assert PROVIDERS["evolution"].contact_books is None
