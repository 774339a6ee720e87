"""Which files of a forward get a link, how long it lives, and that it is the same on every try."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.store.accounts import MediaLinkMode
from services.sender.domain.forwards import body_from
from services.sender.domain.media_links import LinkRules, MediaLinks, media_in
from services.sender.domain.media_tokens import opened
from tests.builders import EVENT_ID, NOON, PHONE, PSEUDONYMS, SEALER, an_integration

IMAGE = {"id": "5", "mime_type": "image/jpeg", "sha256": "x", "caption": "Look"}
LINKS = MediaLinks(base_url="https://media.example.com/", keys=SEALER.keys, pseudonyms=PSEUDONYMS)
ALL = LinkRules()


def forwarded(kind: str = "image", part: Any = IMAGE, **changes: Any) -> ForwardRequested:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "integration_id": "int_1",
        "event_id": EVENT_ID,
        "kind": ForwardKind.MESSAGE_RECEIVED,
        "number_id": "num_1",
        "at": NOON,
        "customer": PHONE,
        "customer_user_id": "SA.1",
        "content": {"message": {"id": "wamid.5", "type": kind, kind: part}},
    }
    return ForwardRequested(**(known | changes))


def test_a_forward_of_a_file_has_its_link_under_the_files_object() -> None:
    requested = forwarded(part=IMAGE | {"filename": "a.jpg"})

    body = orjson.loads(body_from(requested, EVENT_ID, LINKS.in_forward(requested, ALL)))

    media = body["message"]["image"]["media"]
    assert urlsplit(media.pop("url")).path.startswith("/media/")
    assert media == {
        "expires_at": (NOON + timedelta(hours=72)).isoformat(),
        "mime_type": "image/jpeg",
        "sha256": "x",
        "filename": "a.jpg",
    }
    assert body["message"]["image"]["id"] == "5"


def test_the_forward_is_the_same_bytes_on_every_try() -> None:
    requested = forwarded()

    bodies = {body_from(requested, EVENT_ID, LINKS.in_forward(requested, ALL)) for _ in range(3)}

    assert len(bodies) == 1


def test_a_link_knows_every_name_of_who_sent_the_file() -> None:
    link = LINKS.in_forward(forwarded(), ALL)

    assert link is not None
    claims = opened(link.url.rsplit("/", 1)[1], SEALER.keys)
    assert claims is not None
    assert claims.customers == tuple(PSEUDONYMS.customer_key("acc_1", each) for each in (PHONE, "SA.1"))
    assert "5" in (claims.media_id, claims.message_id)


@pytest.mark.parametrize(("hours", "lives"), [(1, 1), (72, 72), (167, 167), (9999, 167)])
def test_a_link_ends_before_whatsapp_forgets_the_file(hours: int, lives: int) -> None:
    link = LINKS.in_forward(forwarded(), LinkRules(lifetime=timedelta(hours=hours)))

    assert link is not None
    assert link.expires_at == NOON + timedelta(hours=lives)


WITHOUT: dict[str, tuple[ForwardRequested, LinkRules]] = {
    "a text": (forwarded("text", None), ALL),
    "a location": (forwarded("location", {"latitude": 1.0}), ALL),
    "an image that WhatsApp did not deliver": (forwarded(part=None), ALL),
    "an image of which nothing is known": (forwarded(part={}), ALL),
    "a status": (forwarded().model_copy(update={"kind": ForwardKind.MESSAGE_STATUS_UPDATED}), ALL),
    "links are off": (forwarded(), LinkRules(MediaLinkMode.OFF)),
    "a document where images alone have links": (forwarded("document", IMAGE), LinkRules(MediaLinkMode.IMAGES)),
}


@pytest.mark.parametrize(("requested", "rules"), WITHOUT.values(), ids=WITHOUT.keys())
def test_no_link(requested: ForwardRequested, rules: LinkRules) -> None:
    link = LINKS.in_forward(requested, rules)

    assert link is None
    assert body_from(requested, EVENT_ID, link) == body_from(requested, EVENT_ID)


def test_without_a_public_address_there_are_no_links() -> None:
    links = MediaLinks(base_url=None, keys=SEALER.keys, pseudonyms=PSEUDONYMS)

    assert links.in_forward(forwarded(), ALL) is None


def test_evolutions_files_are_found_by_their_message() -> None:
    media = media_in(forwarded(part={"mime_type": "image/jpeg"}))

    assert media is not None
    link = LINKS.link(media, LinkRules.of(an_integration()))
    assert link is not None
    claims = opened(link.url.rsplit("/", 1)[1], SEALER.keys)
    assert claims is not None
    assert claims.media_id == "wamid.5"


def test_a_link_shows_in_no_repr() -> None:
    link = LINKS.in_forward(forwarded(), ALL)

    assert link is not None
    assert link.url not in repr(link)
