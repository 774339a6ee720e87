"""Every call of the API, every role, and tokens for other accounts. A call that is not in the table fails the build."""

import base64
import io
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from pydantic import SecretStr

from libs.chassis.subscriptions import DeadLettered
from libs.store.approvals import Approval, ApprovalKind
from libs.store.contact_book import ContactBookDeletion
from libs.store.forwards import Forward
from services.console.app.dead_letters import store_dead_letter_from
from services.console.domain.approvals import ApprovalContent
from services.console.domain.principals import Principal, Role
from services.console.handlers.second_person import CONTENT
from tests.builders import a_restriction
from tests.conftest import run_apart
from tests.unit.console.subjects import a_subject, records_about
from tests.unit.console.world import NOON, PHONE, World, a_world, settings

AUDITOR, OPERATOR, ADMIN = Role.AUDITOR, Role.OPERATOR, Role.ADMIN
PREFIX = "/api/v1"


SIGNING = SecretStr(f"k1:{base64.b64encode(bytes(range(32))).decode()}")


@pytest.fixture(scope="module")
def filled_stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """A folder with a store in which two accounts have everything, and the ids of their things."""
    folder = tmp_path_factory.mktemp("filled")

    async def fill() -> list[dict[str, str]]:
        async with a_world(folder, signing_keys=SIGNING) as world:
            return [await an_account_with_everything(world, number) for number in (1, 2)]

    return folder, run_apart(fill())


@pytest.fixture
async def world(tmp_path: Path, filled_stores: tuple[Path, list[dict[str, str]]]) -> AsyncIterator[World]:
    """Console on a copy of the filled store."""
    folder, _ = filled_stores
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    async with a_world(tmp_path, signing_keys=SIGNING) as made:
        yield made


@pytest.fixture
def own(filled_stores: tuple[Path, list[dict[str, str]]]) -> dict[str, str]:
    """The things of the account that a scoped token is for."""
    return filled_stores[1][0]


@pytest.fixture
def other(filled_stores: tuple[Path, list[dict[str, str]]]) -> dict[str, str]:
    """The things of another account."""
    return filled_stores[1][1]


class By(Enum):
    """How a call says what it is about, and so what somebody without the account is told."""

    PATH = auto()
    """An id in the path: not found."""
    QUERY = auto()
    """`account_id` in the query, or the token's own account: forbidden."""
    QUERY_ID = auto()
    """`account_id` in the query, always: invalid, as if there were no such account."""
    BODY = auto()
    """An id in the body: invalid, as if there were no such thing."""
    SCOPE = auto()
    """Nothing: the token's own scope is what is shown."""
    NOTHING = auto()
    """Nothing, and it is no account's."""


@dataclass(frozen=True)
class Decided:
    """Who may make a call: the least role, and how it is kept to the token's accounts."""

    role: Role
    by: By
    body: Mapping[str, Any] | None = None
    """`{account}` and the like stand for ids."""
    query: Mapping[str, str] = field(default_factory=dict)


OF_ACCOUNT = {"account_id": "{account}"}
ABOUT_SOMEBODY = {**OF_ACCOUNT, "phone": PHONE, "reason": "asked us"}
PERIOD = {**OF_ACCOUNT, "from": "2026-11-01", "to": "2026-11-30"}
NUMBER = {"provider": "cloud_api", "phone_number_id": "777", "access_token": "a-provider-token"}
TABLE = {
    "create_account": Decided(ADMIN, By.NOTHING, {"name": "New", "business_name": "New"}),
    "list_accounts": Decided(AUDITOR, By.SCOPE),
    "show_account": Decided(AUDITOR, By.PATH),
    "edit_account": Decided(ADMIN, By.PATH, {"paused": True}),
    "create_instance": Decided(OPERATOR, By.PATH, NUMBER),
    "list_instances": Decided(AUDITOR, By.PATH),
    "show_instance": Decided(AUDITOR, By.PATH),
    "edit_instance": Decided(OPERATOR, By.PATH, {"messages_per_second": 5.0}),
    "rotate_instance_secret": Decided(OPERATOR, By.PATH, {}),
    "create_integration": Decided(OPERATOR, By.BODY, {**OF_ACCOUNT, "instance_id": "{instance}"}),
    "list_integrations": Decided(AUDITOR, By.QUERY),
    "show_integration": Decided(AUDITOR, By.PATH),
    "edit_integration": Decided(OPERATOR, By.PATH, {"enabled": False}),
    "rotate_secret": Decided(OPERATOR, By.PATH, {}),
    "post_chat_test": Decided(OPERATOR, By.PATH, {}),
    "rotate_path_token": Decided(OPERATOR, By.PATH, {}),
    "show_crm_template": Decided(AUDITOR, By.PATH),
    "create_crm_template": Decided(OPERATOR, By.PATH, {}),
    "create_suppression": Decided(OPERATOR, By.BODY, ABOUT_SOMEBODY),
    "list_suppressions": Decided(AUDITOR, By.QUERY),
    "show_suppression": Decided(AUDITOR, By.PATH),
    "export_suppressions": Decided(AUDITOR, By.QUERY),
    "lift_suppression": Decided(OPERATOR, By.PATH),
    "import_suppressions": Decided(OPERATOR, By.QUERY_ID, query=OF_ACCOUNT),
    "import_consents": Decided(OPERATOR, By.QUERY_ID, query=OF_ACCOUNT),
    "record_consent": Decided(OPERATOR, By.BODY, {**OF_ACCOUNT, "phone": PHONE, "at": "2026-11-01T12:00:00Z"}),
    "list_consents": Decided(AUDITOR, By.QUERY_ID, query={**OF_ACCOUNT, "phone": PHONE}),
    "withdraw_consent": Decided(OPERATOR, By.BODY, ABOUT_SOMEBODY),
    "list_restrictions": Decided(AUDITOR, By.QUERY),
    "lift_restriction": Decided(OPERATOR, By.PATH, query={"reason": "checked with WhatsApp"}),
    "list_templates": Decided(AUDITOR, By.BODY, query={"instance_id": "{instance}"}),
    "sync_templates": Decided(OPERATOR, By.BODY, {"instance_id": "{instance}"}),
    "upload_file": Decided(OPERATOR, By.QUERY_ID, query=OF_ACCOUNT),
    "list_events": Decided(AUDITOR, By.QUERY),
    "show_event": Decided(AUDITOR, By.PATH),
    "list_forwards": Decided(AUDITOR, By.QUERY),
    "show_forward": Decided(AUDITOR, By.PATH),
    "list_dead_letters": Decided(AUDITOR, By.QUERY),
    "show_dead_letter": Decided(AUDITOR, By.PATH),
    "replay_dead_letter": Decided(OPERATOR, By.PATH),
    "discard_dead_letter": Decided(OPERATOR, By.PATH, {"reason": "a test message"}),
    "compliance_report": Decided(AUDITOR, By.QUERY_ID, query=PERIOD),
    "verify_record": Decided(AUDITOR, By.QUERY),
    "record_restoration": Decided(
        ADMIN, By.BODY, {**OF_ACCOUNT, "up_to": 0, "replaced": ["0a" * 32], "reason": "the disk was lost"}
    ),
    "list_public_keys": Decided(AUDITOR, By.NOTHING),
    "show_log": Decided(AUDITOR, By.NOTHING),
    "prove_log": Decided(AUDITOR, By.NOTHING, query={"old": "0"}),
    "export_record": Decided(AUDITOR, By.QUERY),
    "prove_record": Decided(AUDITOR, By.PATH),
    "simulate": Decided(AUDITOR, By.BODY, {"integration_id": "{integration}", "event": {"event_type": "test"}}),
    "erase_subject": Decided(ADMIN, By.BODY, ABOUT_SOMEBODY),
    "list_contact_book_deletions": Decided(ADMIN, By.PATH),
    "export_subject": Decided(ADMIN, By.BODY, ABOUT_SOMEBODY),
    "list_approvals": Decided(AUDITOR, By.QUERY),
    "show_approval": Decided(AUDITOR, By.PATH),
    "approve": Decided(OPERATOR, By.PATH),
    "reject": Decided(OPERATOR, By.PATH, {"reason": "the customer asked for nothing"}),
    "create_token": Decided(ADMIN, By.BODY, {"label": "x", "role": "auditor", "accounts": ["{account}"]}),
    "list_tokens": Decided(ADMIN, By.SCOPE),
    "revoke_token": Decided(ADMIN, By.PATH),
}
CHANGES_NOTHING = {"simulate"}
"""What auditors may call although it is no GET: it sends nothing and counts nothing."""
REFUSED = {
    By.PATH: {404},
    By.QUERY: {403},
    By.QUERY_ID: {403, 422},
    By.BODY: {422},
}


def calls_of(world: World) -> dict[str, tuple[str, str]]:
    """The method and path of every call that is served, by name."""
    app = world.client.app
    assert app is not None
    served = {route.name: (route.method, route.resource) for route in app.router.routes() if route.method != "HEAD"}
    return {
        name: (method, resource.canonical.removeprefix(PREFIX))
        for name, (method, resource) in served.items()
        if name is not None and resource is not None
    }


def chat_settings(instance: str, number: int) -> dict[str, Any]:
    return {
        "chat_enabled": True,
        "chat_numbers": {f"+49301234{number:04}": instance},
        "chat_webhook_url": "https://pbx.example.com/sms/generic/1",
    }


async def an_account_with_everything(world: World, number: int) -> dict[str, str]:
    """Ids of one thing of every kind, all of one account."""
    integration = await world.integration()
    account = integration["account_id"]
    suppression = await world.ok("POST", "/suppressions", {**ABOUT_SOMEBODY, "account_id": account})
    restriction = a_restriction(id=f"res_{number:032x}", account_id=account, since=NOON)
    await world.store.restrictions.add(restriction, [])
    await records_about(world, await a_subject(world, account), account, start=number)
    forward = Forward(
        id=str(UUID(int=number)),
        account_id=account,
        integration_id=integration["id"],
        kind="message.received",
        event_id=str(UUID(int=number)),
        masked_phone=None,
        requested_at=NOON,
        updated_at=NOON,
    )
    await world.store.forwards.start(forward, owner="s", now=NOON, lease=timedelta(seconds=20))
    letter = DeadLettered(
        id=f"dlt_{number:032x}",
        queue="sender.forwards",
        reason="x",
        name=None,
        message_id=None,
        account_id=account,
        integration_id=None,
        attempts=1,
        died_at=NOON,
        serialized="{}",
    )
    await store_dead_letter_from(settings(), world.deps)(letter)
    approval = await an_approval(world, account, number)
    erasure = f"era_{number:032x}"
    deletion = ContactBookDeletion(
        id=erasure, erasure_id=erasure, account_id=account, number_id=integration["instance_id"], at=NOON
    )
    await world.store.contact_book.request([deletion])
    token = await world.ok("POST", "/tokens", {"label": "x", "role": "auditor", "accounts": [account]})
    await world.ok("PATCH", f"/integrations/{integration['id']}", chat_settings(integration["instance_id"], number))
    return {
        "account": account,
        "instance": integration["instance_id"],
        "integration": integration["id"],
        "suppression": suppression["id"],
        "restriction": restriction.id,
        "event": str(UUID(int=number)),
        "record": str(UUID(int=number)),
        "forward": str(UUID(int=number)),
        "dead_letter": letter.id,
        "approval": approval,
        "erasure": erasure,
        "token": token["id"],
    }


async def an_approval(world: World, account_id: str, number: int) -> str:
    """The id of a request that waits for a second person."""
    id_, content = f"apr_{number:032x}", ApprovalContent(request={"suppression_id": "sup_1"}, shown={"id": "sup_1"})
    request = Approval(
        id=id_,
        kind=ApprovalKind.LIFT_OPT_OUT,
        account_id=account_id,
        requester="admin",
        requested_by="admin",
        requested_at=NOON,
        expires_at=NOON + timedelta(hours=1),
        fingerprint="f",
        sealed=world.sealer.seal(content.text(), owner=id_, field_name=CONTENT),
    )
    return (await world.store.approvals.add(request, [])).id


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with ids in the places that wait for them."""
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return {name: filled(each, ids) for name, each in value.items()} if isinstance(value, dict) else value


async def call(world: World, name: str, ids: Mapping[str, str], *, token: str, named: bool = True) -> tuple[int, str]:
    """Make the call as the table says; `named` False leaves the account out of the query."""
    decided, (method, path) = TABLE[name], calls_of(world)[name]
    path = path.format(**{f"{kind}_id": id_ for kind, id_ in ids.items()})
    query = {**(OF_ACCOUNT if decided.by is By.QUERY and named else {}), **decided.query}
    path += f"?{urlencode(filled(query, ids))}" if query else ""
    said: dict[str, Any] = {} if decided.body is None else {"json": filled(decided.body, ids)}
    if name == "upload_file":
        said = {"data": {"file": io.BytesIO(b"%PDF-1.7")}}
    if name.startswith("import_"):
        rows = f"phone,{'since' if name == 'import_suppressions' else 'at'}\n{PHONE},2026-11-01T12:00:00Z\n"
        said = {"data": rows.encode(), "headers": {"Content-Type": "text/csv"}}
    response = await world.call(method, path, token=token, **said)
    return response.status, await response.text()


async def test_every_call_is_decided_on_and_none_is_made_up(world: World) -> None:
    assert set(TABLE) == calls_of(world).keys() - {"openapi"}


async def test_auditors_change_nothing(world: World) -> None:
    theirs = {name for name, decided in TABLE.items() if decided.role is AUDITOR}

    assert {name for name in theirs if calls_of(world)[name][0] != "GET"} == CHANGES_NOTHING


@pytest.mark.parametrize("role", Role, ids=lambda role: role.name.lower())
@pytest.mark.parametrize("name", TABLE)
async def test_a_call_is_open_to_its_role_and_those_above(
    world: World, own: dict[str, str], name: str, role: Role
) -> None:
    world.tokens.held["held"] = Principal("somebody", role)

    status, text = await call(world, name, own, token="held")

    allowed = role >= TABLE[name].role
    assert (status == 403) is not allowed, text
    assert allowed or TABLE[name].role.name.lower() in text
    assert not allowed or status in {200, 201, 409}, text


@pytest.mark.parametrize("name", [name for name, decided in TABLE.items() if decided.by in REFUSED])
async def test_a_token_for_one_account_reaches_nothing_of_another(
    world: World, own: dict[str, str], other: dict[str, str], name: str
) -> None:
    world.tokens.held["scoped"] = Principal("sam", ADMIN, frozenset({own["account"]}))
    before = await kept(world)

    status, text = await call(world, name, other, token="scoped")

    assert status in REFUSED[TABLE[name].by], text
    assert not [id_ for id_ in other.values() if id_ in text and id_ not in own.values()]
    assert await kept(world) == before


@pytest.mark.parametrize("name", [name for name, decided in TABLE.items() if decided.by in {By.QUERY, By.SCOPE}])
async def test_a_list_shows_the_tokens_own_account_alone(
    world: World, own: dict[str, str], other: dict[str, str], name: str
) -> None:
    world.tokens.held["scoped"] = Principal("sam", ADMIN, frozenset({own["account"]}))

    status, text = await call(world, name, own, token="scoped", named=False)

    assert status in {200, 409}, text
    assert not [id_ for id_ in other.values() if id_ in text]


async def test_a_scoped_admin_makes_no_account(world: World, own: dict[str, str]) -> None:
    world.tokens.held["scoped"] = Principal("sam", ADMIN, frozenset({own["account"]}))

    status, _ = await call(world, "create_account", own, token="scoped")

    assert status == 404


async def kept(world: World) -> list[Any]:
    """What an operator could have changed."""
    paths = ("/accounts", "/integrations", "/suppressions", "/restrictions", "/tokens")
    admin = [await world.ok("GET", path) for path in paths]
    letters = await world.ok("GET", "/dead-letters")
    return [*admin, letters, await world.store.subjects.find(pseudonyms=[])]
