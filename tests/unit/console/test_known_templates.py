"""The operations under `/templates` and `/uploads`, on a real SQLite file."""

import hashlib
import io
from datetime import datetime
from typing import cast

import pytest

from libs.contracts.known_templates import KnownButton, KnownTemplate
from libs.store.sealer import sealer_from
from libs.store.templates import Templates
from libs.store.uploads import CHUNK, MAX_UPLOAD
from services.console.domain.known_templates import SyncTemplatesRequest, TemplatesView
from services.console.domain.principals import Principal, Role
from services.console.handlers.calls import Call
from services.console.handlers.known_templates import KnownTemplates
from tests.unit.console.world import NOON, SECRET_KEYS, World

READY = KnownTemplate(
    name="order_ready",
    language="de",
    status="APPROVED",
    category="UTILITY",
    body="Hallo {{1}}",
    parameters=("1",),
    buttons=(KnownButton(index=0, type="URL", takes_value=True), KnownButton(index=1, type="QUICK_REPLY")),
)
PDF = b"%PDF-1.7\n" + b"quokka" * 100_000


async def a_number(world: World) -> tuple[str, str]:
    account = await world.ok("POST", "/accounts", json={"name": "A", "business_name": "A"})
    number = await world.ok(
        "POST",
        f"/accounts/{account['id']}/instances",
        json={"provider": "cloud_api", "phone_number_id": "1065", "access_token": "t"},
    )
    return account["id"], number["id"]


async def test_a_number_shows_its_templates_and_when_they_were_read(world: World) -> None:
    _, number = await a_number(world)
    await world.store.templates.replace(number, [READY], at=NOON)

    shown = await world.ok("GET", "/templates", params={"instance_id": number})

    assert (shown["business_account_id"], shown["synced_at"], shown["problem"]) == (None, "2026-11-23T12:00:00Z", None)
    [item] = shown["items"]
    assert (item["name"], item["parameters"], item["buttons"]) == ("order_ready", ["1"], ["0 URL*", "1 QUICK_REPLY"])


async def test_a_request_makes_a_synchronisation_due(world: World) -> None:
    _, number = await a_number(world)

    asked = await world.ok("POST", "/templates/sync", json={"instance_id": number})

    assert asked["synced_at"] is None
    assert list(await world.store.templates.due(NOON, 10)) == [(number, number)]


class ReadAtOnce:
    """Templates that a sender reads before the request for it returns."""

    def __init__(self, stored: Templates) -> None:
        self.stored = stored

    def __getattr__(self, name: str) -> object:
        return getattr(self.stored, name)

    async def request(self, owner: str, number_id: str, at: datetime) -> None:
        await self.stored.request(owner, number_id, at)
        await self.stored.replace(owner, [READY], at=at)


async def test_a_request_is_answered_with_what_was_known_before_it(world: World) -> None:
    _, number = await a_number(world)
    templates = cast("Templates", ReadAtOnce(world.store.templates))
    handle = KnownTemplates(world.store.directory, templates, lambda: NOON)
    asked = Call(Principal("admin", Role.ADMIN), {}, None, SyncTemplatesRequest(instance_id=number))

    answer = cast("TemplatesView", (await handle.sync(asked)).body)

    assert (answer.synced_at, answer.due_at, answer.items) == (None, NOON, ())
    assert [each.name for each in await world.store.templates.all_of(number)] == ["order_ready"]


async def test_a_file_is_kept_sealed_in_chunks(world: World) -> None:
    account, _ = await a_number(world)

    made = await world.ok("POST", "/uploads", params={"account_id": account}, data={"file": io.BytesIO(PDF)})

    assert (made["mime_type"], made["bytes"], made["sha256"]) == (
        "application/pdf",
        len(PDF),
        hashlib.sha256(PDF).hexdigest(),
    )
    assert made["expires_at"] == "2026-11-24T12:00:00Z"
    first = await world.store.uploads.chunk(made["upload_id"], 0)
    assert first is not None
    assert b"quokka" not in first
    sealer = sealer_from(SECRET_KEYS)
    assert sealer.open_bytes(first, owner=made["upload_id"], field_name="chunk 0") == PDF[:CHUNK]


@pytest.mark.parametrize(
    ("form", "status", "reason"),
    [
        ({"file": io.BytesIO(b"MZ\x00\x01")}, 422, "type_not_allowed"),
        ({"file": io.BytesIO(b"")}, 422, "empty"),
        ({"file": io.BytesIO(PDF[:9] + b"x" * MAX_UPLOAD)}, 422, "too_large"),
        ({"other": io.BytesIO(PDF)}, 400, None),
    ],
    ids=["a program", "nothing", "too large", "another part"],
)
async def test_a_file_that_cannot_be_sent_is_refused_and_not_kept(
    world: World, form: dict[str, io.BytesIO], status: int, reason: str | None
) -> None:
    account, _ = await a_number(world)

    answer = await world.call("POST", "/uploads", params={"account_id": account}, data=form)

    body = await answer.json()
    assert (answer.status, body["details"].get("reason")) == (status, reason)
    assert (await world.store.uploads.delete_ended(NOON.replace(year=2027)))["chunks"] == 0 or reason is None


async def test_a_json_body_is_no_upload(world: World) -> None:
    account, _ = await a_number(world)

    answer = await world.call("POST", "/uploads", params={"account_id": account}, json={"file": "x"})

    assert (answer.status, (await answer.json())["error"]) == (400, "invalid_json")
