"""Nothing authentic is answered 200 and lost: unreadable parts are kept sealed and apart, and read on a replay."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest

from libs.chassis.settlement import GiveUp
from libs.chassis.subscriptions import Received
from libs.contracts.events import WhatsAppMessageReceived, WhatsAppPostSetAside, WhatsAppStatusReceived
from libs.providers.inbound import Inbound, WebhookEndpoint, WebhookRequest, WebhookSecrets
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from libs.store.posts import post_sealer_from
from services.ingress import metrics
from services.ingress.handlers.posts import MAX_APART
from tests.evolution_stub import envelope_of, upsert
from tests.unit.ingress.test_provider_webhooks import SECRET, a_world, meta_world, posted, sent
from tests.unit.ingress.world import NOW, POST_KEYS, HttpAnswer, World, http_client
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, change_of, document_of

NAMED = UUID(int=7)
SEALER = post_sealer_from(POST_KEYS)
UNDATED = {name: value for name, value in MESSAGE.items() if name != "timestamp"} | {"id": "wamid.UNDATED"}


async def meta(world: World, *bodies: Any) -> list[HttpAnswer]:
    async with http_client(world) as client:
        return [await sent(client, body) for body in bodies]


def letters(world: World) -> list[tuple[WhatsAppPostSetAside, bytes]]:
    """What is kept, with the opened bodies."""
    return [(letter.event, SEALER.open(letter.event.sealed, letter.id)) for letter in replayed(world)]


BAD_PARTS: dict[str, Any] = {
    "a message without a time": {"messages": [UNDATED]},
    "a message without an id": {"messages": [MESSAGE | {"id": None}]},
    "a message that is no object": {"messages": ["hello"]},
    "a message of nobody": {"messages": [MESSAGE | {"from": "unheard of"}], "contacts": []},
    "a status without an id": {"statuses": [STATUS | {"id": 7}]},
    "a status without a time": {"statuses": [STATUS | {"timestamp": "yesterday"}]},
    "a preference without a person": {"user_preferences": [{"category": "marketing_messages", "value": "stop"}]},
    "messages that are no list": {"messages": {"0": MESSAGE}},
}


@pytest.mark.parametrize("bad", BAD_PARTS.values(), ids=BAD_PARTS)
async def test_a_part_that_cannot_be_read_is_kept_alone_and_its_neighbours_are_taken(bad: dict[str, Any]) -> None:
    world = meta_world()
    post = document_of(messages=[MESSAGE], statuses=[STATUS])
    post["entry"] += document_of(**bad)["entry"]

    [answer] = await meta(world, post)

    assert answer.status == 200
    assert len(world.broker.of(WhatsAppMessageReceived)) == 1
    assert len(world.broker.of(WhatsAppStatusReceived)) == 1
    [(event, body)] = letters(world)
    assert (event.endpoint, event.number_id, event.account_id) == ("whatsapp", None, "acc-1")
    assert event.arrived_at == NOW
    assert b"wamid.A" not in body or MESSAGE["id"] in str(bad)
    assert b"wamid.B" not in body or STATUS["id"] in str(bad)


async def test_neighbours_in_one_list_are_taken() -> None:
    world = meta_world()

    await meta(world, document_of(messages=[MESSAGE, UNDATED, MESSAGE | {"id": "wamid.C"}]))

    assert [event.message_id for event in world.broker.of(WhatsAppMessageReceived)] == ["wamid.A", "wamid.C"]
    [(_, body)] = letters(world)
    [kept] = orjson.loads(body)["entry"][0]["changes"][0]["value"]["messages"]
    assert kept == UNDATED


WHOLE = {
    "no JSON": b"no json",
    "nothing": b"",
    "half a body": b'{"entry":[{"changes":',
    "a list": b"[]",
    "null": b"null",
    "no entries": b'{"object":"whatsapp_business_account"}',
    "entries that are no list": b'{"entry":"soon"}',
    "an entry that is none": b'{"entry":[7]}',
    "changes that are no list": b'{"entry":[{"changes":{}}]}',
    "a change that is none": b'{"entry":[{"changes":[null]}]}',
    "a change without a value": b'{"entry":[{"changes":[{"field":"messages"}]}]}',
    "a value that says nothing": b'{"entry":[{"changes":[{"field":"messages","value":{"metadata":{}}}]}]}',
    "too deep": b'{"entry":' + b"[" * 5000,
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
async def test_a_signed_post_that_leads_to_nothing_is_kept_and_counted(body: bytes) -> None:
    world, unreadable = meta_world(), metrics.PROVIDER_SKIPPED.labels("unreadable")
    before, kept_before = unreadable._value.get(), metrics.POSTS_SET_ASIDE.labels("whatsapp")._value.get()

    [answer] = await meta(world, body)

    assert answer.status == 200
    [(event, kept)] = letters(world)
    assert event.account_id is None
    assert (kept == body) or orjson.loads(kept) == orjson.loads(body)
    assert unreadable._value.get() == before + 1
    assert metrics.POSTS_SET_ASIDE.labels("whatsapp")._value.get() == kept_before + 1


@pytest.mark.parametrize("body", [b'{"entry":[]}', b'{"entry":[{"id":"1","changes":[]}]}'])
async def test_a_post_with_empty_lists_says_nothing_and_is_not_kept(body: bytes) -> None:
    world = meta_world()

    [answer] = await meta(world, body)

    assert (answer.status, world.broker.dead) == (200, [])


async def test_an_accounts_fault_without_a_number_is_kept() -> None:
    world = meta_world()

    await meta(world, change_of("messages", {"messaging_product": "whatsapp", "errors": [{"code": 131000}]}))

    [(_, body)] = letters(world)
    assert b"131000" in body


@pytest.mark.parametrize("path", ["meta", "evolution"])
async def test_what_cannot_be_kept_is_asked_for_again(path: str) -> None:
    world = meta_world() if path == "meta" else a_world()
    world.broker.down = True

    answer = (await meta(world, b"no json"))[0] if path == "meta" else await posted(world, b"no json", SECRET)

    assert (answer.status, answer.header("Retry-After")) == (503, "2")


async def test_a_post_of_many_unreadable_parts_is_kept_whole_once() -> None:
    world = meta_world()
    many = [UNDATED | {"id": f"wamid.{n}"} for n in range(MAX_APART + 1)]

    await meta(world, document_of(messages=[MESSAGE, *many]))

    [(_, body)] = letters(world)
    assert len(world.broker.of(WhatsAppMessageReceived)) == 1
    assert len(orjson.loads(body)["entry"][0]["changes"][0]["value"]["messages"]) == MAX_APART + 2


async def test_evolutions_unreadable_item_is_kept_without_the_servers_key() -> None:
    world = a_world()
    post = envelope_of("main", "messages.upsert", [upsert("3A01"), upsert("3A02", messageTimestamp="soon")])
    post["apikey"] = "the-servers-key"

    answer = await posted(world, post, SECRET)

    assert answer.status == 200
    assert [event.message_id for event in world.broker.of(WhatsAppMessageReceived)] == ["3A01"]
    [(event, body)] = letters(world)
    assert (event.endpoint, event.number_id, event.account_id) == ("evolution", "num-1", "acc-1")
    assert b"3A02" in body
    assert b"3A01" not in body
    assert b"the-servers-key" not in body


@pytest.mark.parametrize("body", [b"no json", b"", b"[]", b"{}", b'{"event":7}'])
async def test_evolutions_unreadable_post_is_kept(body: bytes) -> None:
    world = a_world()

    answer = await posted(world, body, SECRET)

    assert (answer.status, len(world.broker.dead)) == (200, 1)


async def test_a_stranger_has_nothing_kept() -> None:
    world = a_world()

    await posted(world, b"no json", "wrong")

    assert world.broker.dead == []


async def test_a_letter_shows_nothing_of_its_post() -> None:
    world = meta_world()

    await meta(world, document_of(messages=[UNDATED]))

    [(id_, event)] = world.broker.dead
    wire = event.model_dump_json()
    assert "16505551234" not in wire + str(id_)
    assert "hello" not in wire


def replayed(world: World) -> Sequence[Received[WhatsAppPostSetAside]]:
    """What was kept, as the queue delivers it once an operator replays it."""
    kept = [(id_, event) for id_, event in world.broker.dead if isinstance(event, WhatsAppPostSetAside)]
    return [Received(event=event, id=id_, at=NOW) for id_, event in kept]


async def test_a_replayed_post_that_still_cannot_be_read_is_a_dead_letter_again() -> None:
    world = meta_world()
    await meta(world, b"no json")
    [letter] = replayed(world)

    with pytest.raises(GiveUp, match="unreadable_post"):
        await world.served.read_post(letter)

    assert world.broker.taken == []


class Reader:
    """A provider's reader that a later release has mended: it reads `{"late": …}` as well."""

    def __init__(self, source: Any, *, mended: bool) -> None:
        self.source, self.mended = source, mended

    def challenge(self, query: Any) -> str | None:
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        return bool(self.source.authenticate(request))

    def parse(self, request: WebhookRequest) -> Inbound:
        body = request.body.replace(b"LATER", b"1749416383") if self.mended else request.body
        found: Inbound = self.source.parse(replace(request, body=body))
        return found


def world_with(*, mended: bool) -> World:
    known = PROVIDERS["cloud_api"]

    def webhooks(secrets: WebhookSecrets) -> Reader:
        return Reader(known.webhooks(secrets), mended=mended)

    changed: Provider = replace(known, webhooks=webhooks)
    world = World(providers={"cloud_api": changed})
    world.directory.numbers = meta_world().directory.numbers
    return world


async def test_a_replayed_post_is_read_by_the_release_that_can_and_nothing_is_taken_twice() -> None:
    late = [MESSAGE | {"id": f"wamid.{n}", "timestamp": "LATER"} for n in range(MAX_APART + 1)]
    old, new = world_with(mended=False), world_with(mended=True)
    await meta(old, document_of(messages=[MESSAGE, *late]))
    [letter] = replayed(old)

    for _ in range(2):
        await new.served.read_post(letter)

    ids = [id_ for id_, _ in new.broker.taken]
    assert len(ids) == 2 * (MAX_APART + 2)
    assert len(set(ids)) == MAX_APART + 2
    assert old.broker.taken[0][0] in ids  # the neighbour has the id under which it was taken before


async def test_a_replayed_post_of_evolution_goes_to_the_number_of_its_address() -> None:
    world = a_world()
    event = WhatsAppPostSetAside(
        account_id="acc-1",
        endpoint="evolution",
        number_id="num-1",
        arrived_at=NOW,
        sealed=SEALER.seal(orjson.dumps(envelope_of("main", "messages.upsert", upsert())), NAMED),
    )

    await world.served.read_post(Received(event=event, id=NAMED, at=NOW))

    [told] = world.broker.of(WhatsAppMessageReceived)
    assert (told.number_id, told.account_id) == ("num-1", "acc-1")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endpoint": "carrier-pigeon"}, "unknown_endpoint"),
        ({"sealed": "gone:AAAA:AAAA"}, "sealing_key_missing"),
    ],
)
async def test_a_post_that_cannot_be_opened_stays_a_dead_letter(changes: dict[str, str], reason: str) -> None:
    world = meta_world()
    await meta(world, b"no json")
    [letter] = replayed(world)
    changed = Received(event=letter.event.model_copy(update=changes), id=letter.id, at=NOW)

    with pytest.raises(GiveUp, match=reason):
        await world.served.read_post(changed)


@pytest.mark.parametrize(
    ("field", "label"),
    [("history", "history"), ("smb_message_echoes", "smb_message_echoes"), ("+966500000000", "other")],
)
async def test_a_field_that_leads_to_nothing_is_counted_by_its_documented_name(field: str, label: str) -> None:
    world, counter = meta_world(), metrics.PROVIDER_FIELDS.labels(label)
    before, skipped = counter._value.get(), metrics.PROVIDER_SKIPPED.labels("unknown_field")._value.get()

    await meta(world, change_of(field, {"metadata": {"phone_number_id": "106540352242922"}}))

    assert counter._value.get() == before + 1
    assert metrics.PROVIDER_SKIPPED.labels("unknown_field")._value.get() == skipped + 1
    assert world.broker.dead == []


CONTROL = b"\x01"
BAD_CHARACTERS = {
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "half an emoji": lambda body: body.replace(b"Ann", rb"Ann \ud83d"),
    "an escaped NUL": lambda body: body.replace(b"Ann", rb"Ann \u0000"),
    "a control character": lambda body: body.replace(b"Ann", b"Ann " + CONTROL),
    "a raw line break": lambda body: body.replace(b"Ann", b"Ann \n"),
    "invalid UTF-8": lambda body: body.replace(b"Ann", b"Ann \xff"),
    "half an emoji in UTF-8": lambda body: body.replace(b"Ann", b"Ann \xed\xa0\xbd"),
}


@pytest.mark.parametrize("spoil", BAD_CHARACTERS.values(), ids=BAD_CHARACTERS)
async def test_a_signed_post_with_a_bad_character_is_read(spoil: Any) -> None:
    world = meta_world()

    [answer] = await meta(world, spoil(orjson.dumps(document_of(messages=[MESSAGE]))))

    assert (answer.status, world.broker.dead) == (200, [])
    [event] = world.broker.of(WhatsAppMessageReceived)
    assert (event.text, event.profile_name[:3]) == ("hello", "Ann")


async def test_an_evolution_post_with_bad_characters_is_read() -> None:
    world = a_world()
    body = orjson.dumps(envelope_of("main", "messages.upsert", upsert())).replace(b"Layla", b"L\xff\x00\\udc00")

    await posted(world, body, SECRET)

    assert len(world.broker.of(WhatsAppMessageReceived)) == 1


def test_the_addresses_accept_what_they_promise() -> None:
    limits = {kind: provider.endpoint.max_body for kind, provider in PROVIDERS.items()}

    assert limits == {"cloud_api": 4 * 2**20, "evolution": 32 * 2**20}
    assert WebhookEndpoint.__dataclass_fields__["max_body"].default == 4 * 2**20
