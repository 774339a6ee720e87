"""Media of messages: checked and uploaded before the claim, refused with a reason, and sent once whatever dies when."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.content import InteractiveRequest, MediaKind, MediaRequest
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused, Uploaded, UploadOutcome
from libs.providers.outgoing import OutgoingInteractive, OutgoingMedia, OutgoingTemplate
from libs.store.claim_rules import State
from services.sender.domain.media_tokens import opened
from services.sender.domain.outbound_files import NoFile
from services.sender.handlers.prepare_media import AT_ONCE
from tests.builders import SEALER
from tests.unit.sender.fake_media import FakeUploads
from tests.unit.sender.fake_world import NOON, Crash, World
from tests.unit.sender.gateway import EVENT, Gateway, answer_in, approved, received

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
URL, UPLOAD = "https://files.example.com/a.png", "upl_" + "0a" * 16
PICTURE = MediaRequest(kind=MediaKind.IMAGE, url=URL, caption="Your order")
UPLOADED = MediaRequest(kind=MediaKind.IMAGE, upload_id=UPLOAD)
ABOUT = {"kind": "image", "mime_type": "image/png", "bytes": len(PNG), "sha256": hashlib.sha256(PNG).hexdigest()}


def gateway(*outcomes: UploadOutcome, content: bytes | NoFile = PNG, uploads: bool = True) -> Gateway:
    world = World()
    found = Gateway(world=world, uploads=FakeUploads(world, list(outcomes)) if uploads else None)
    found.files.contents = {URL: content, UPLOAD: content}
    return found


def with_media(media: MediaRequest = PICTURE, **changes: Any) -> Any:
    return approved(text="", media=media, window_closes_at="2026-11-24T12:00:00Z", **changes)


async def test_media_are_uploaded_and_named_by_their_id() -> None:
    world = gateway()

    answer = await world.answered(with_media(reply_to_message_id="wamid.Q"))

    assert (answer.code, answer.details) == (AnswerStatus.SENT, {"media": ABOUT})
    [sent] = world.provider.took
    assert isinstance(sent, OutgoingMedia)
    assert (sent.media.id, sent.caption, sent.quotes) == ("media-1", "Your order", "wamid.Q")
    assert world.uploads is not None
    assert world.uploads.taken == [PNG]
    assert world.receipts.begun == [(EVENT, True), (EVENT, False)]


async def test_a_provider_without_uploads_gets_the_file_with_the_message() -> None:
    world = gateway(uploads=False)

    assert (await world.answered(with_media())).code is AnswerStatus.SENT

    [sent] = world.provider.took
    assert isinstance(sent, OutgoingMedia)
    assert (sent.media.id, sent.media.file.bytes) == (None, len(PNG))
    assert all(file.closed for file in world.files.opened)


async def test_files_that_messages_hold_are_let_go_so_that_others_follow() -> None:
    world = gateway(uploads=False)
    deliver = world.process()

    for number in range(AT_ONCE * 3):
        event = with_media(customer_key=f"c{number}", customer=f"+9665000000{number:02d}")
        event = event.model_copy(update={"event_id": type(EVENT)(int=100 + number)})
        assert (await deliver(event)).code is AnswerStatus.SENT


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (NoFile("address_refused"), ErrorCode.INVALID_MEDIA, "address_refused"),
        (NoFile("timeout"), ErrorCode.INVALID_MEDIA, "timeout"),
        (NoFile("too_large"), ErrorCode.INVALID_MEDIA, "too_large"),
        (NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED), ErrorCode.MEDIA_EXPIRED, "upload_ended"),
        (b"", ErrorCode.INVALID_MEDIA, "empty"),
        (b"%PDF-1.7 body", ErrorCode.INVALID_MEDIA, "type_not_allowed"),
        (PNG + b"x" * (5 * 1024 * 1024), ErrorCode.INVALID_MEDIA, "too_large"),
    ],
)
async def test_a_file_that_cannot_be_sent_ends_the_message_before_anything_is_called(
    content: bytes | NoFile, code: ErrorCode, reason: str
) -> None:
    world = gateway(content=content)

    answer = await world.answered(with_media())

    assert (answer.code, answer.details["reason"]) == (code, reason)
    assert world.ledger.claims == []
    assert world.provider.offered == []
    assert world.uploads is not None
    assert world.uploads.calls == 0
    assert str(EVENT) in world.decisions.released


@pytest.mark.parametrize(
    "fault",
    [NotSent("connect_failed"), OutcomeUnknown("timeout"), Refused(code=131053, http_status=400)],
    ids=["no connection", "timeout", "131053"],
)
async def test_an_upload_is_repeated_twice_and_the_message_never_claimed_meanwhile(fault: UploadOutcome) -> None:
    world = gateway(fault, fault)
    assert (await world.answered(with_media())).code is AnswerStatus.SENT
    assert len(world.provider.took) == 1

    failing = gateway(fault, fault, fault, Uploaded("too late"))
    answer = await failing.answered(with_media())
    assert answer.code is ErrorCode.GATEWAY_SEND_FAILED
    assert failing.uploads is not None
    assert (failing.uploads.calls, failing.ledger.claims, failing.provider.offered) == (3, [], [])


async def test_a_refusal_that_does_not_pass_is_not_repeated() -> None:
    world = gateway(Refused(code=100, http_status=400))

    answer = await world.answered(with_media())

    assert (answer.code, answer.details["provider_code"]) == (ErrorCode.GATEWAY_SEND_FAILED, 100)
    assert world.uploads is not None
    assert world.uploads.calls == 1


async def test_a_send_without_answer_stays_unknown_and_says_what_was_sent() -> None:
    world = gateway()
    world.provider.outcomes = [OutcomeUnknown("timeout")]

    answer = await world.answered(with_media())

    assert (answer.code, answer.details["outcome"], answer.details["media"]) == (
        ErrorCode.GATEWAY_SEND_FAILED,
        "unknown",
        ABOUT,
    )


@pytest.mark.parametrize("sent", [True, False])
async def test_an_upload_is_deleted_once_it_was_sent(*, sent: bool) -> None:
    world = gateway()
    world.provider.outcomes = [] if sent else [Refused(code=131026, http_status=400)]

    await world.answered(with_media(UPLOADED))

    assert world.files.deleted == ([UPLOAD] if sent else [])


@pytest.mark.parametrize("step", range(1, 40))
async def test_wherever_the_process_dies_the_picture_is_sent_once_or_is_unknown(step: int) -> None:
    world = gateway()
    world.world.dies_at = step
    try:
        await world.handler("sender-1")(received(with_media(UPLOADED)))
    except Crash:
        world.world.elapsed += 60.0
    world.world.dies_at = 0

    answer = answer_in(await world.handler("sender-2")(received(with_media(UPLOADED))))

    assert len(world.provider.took) == 1 or answer.details.get("outcome") == "unknown"
    assert len(world.provider.took) <= 1
    if answer.code is AnswerStatus.SENT:
        assert world.uploads is not None
        assert world.uploads.calls in (1, 2)


@pytest.mark.parametrize("step", range(1, 30))
async def test_wherever_the_process_dies_a_template_with_a_linked_picture_is_sent_once_or_is_unknown(step: int) -> None:
    world = gateway(uploads=False)
    world.world.dies_at = step
    try:
        await world.handler("sender-1")(received(with_header(UPLOADED)))
    except Crash:
        world.world.elapsed += 60.0
    world.world.dies_at = 0

    answer = answer_in(await world.handler("sender-2")(received(with_header(UPLOADED))))

    assert len(world.provider.took) == 1 or answer.details.get("outcome") == "unknown"
    assert len(world.provider.took) <= 1
    assert world.files.deleted == []


async def test_a_repeated_delivery_of_a_sent_message_gets_nothing_again() -> None:
    world = gateway()
    first = await world.answered(with_media(UPLOADED))
    world.files.contents[UPLOAD] = NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED)

    again = answer_in(await world.handler("sender-2")(received(with_media(UPLOADED))))

    assert (again.code, again.details) == (first.code, first.details)
    assert world.files.gets == 1


async def test_outside_the_window_the_fallback_goes_out_and_no_media() -> None:
    world = gateway()
    fallback = {"name": "hello", "language": "en", "parameters": ["Acme"]}
    event = approved(text="", media=PICTURE, window_closes_at="2026-11-23T11:00:00Z", template=fallback)

    answer = await world.answered(event)

    assert (answer.code, answer.details["template"]) == (AnswerStatus.SENT, "hello")
    assert world.files.gets == 0
    [sent] = world.provider.took
    assert isinstance(sent, OutgoingTemplate)
    assert sent.header_media is None


async def test_a_template_shows_the_uploaded_picture() -> None:
    world = gateway()
    media = PICTURE.model_copy(update={"caption": None}).model_dump(mode="json", exclude_none=True)
    template = {"name": "hello", "language": "en", "parameters": [], "header_media": media, "category": "UTILITY"}

    answer = await world.answered(approved(text="", template=template))

    [sent] = world.provider.took
    assert isinstance(sent, OutgoingTemplate)
    assert sent.header_media is not None
    assert (sent.header_media.id, answer.details["media"]) == ("media-1", ABOUT)


def with_header(media: MediaRequest, **changes: Any) -> Any:
    shown = media.model_copy(update={"caption": None}).model_dump(mode="json", exclude_none=True)
    template = {"name": "hello", "language": "en", "parameters": [], "header_media": shown, "category": "UTILITY"}
    return approved(text="", template=template, **changes)


@pytest.mark.parametrize("media", [PICTURE, UPLOADED], ids=["an address", "an upload"])
async def test_without_uploads_a_template_names_a_link_to_its_picture_and_keeps_it_for_whatsapp(
    media: MediaRequest,
) -> None:
    world = gateway(uploads=False)

    answer = await world.answered(with_header(media))

    [sent] = world.provider.took
    assert isinstance(sent, OutgoingTemplate)
    assert sent.header_media is not None
    link = sent.header_media.link or ""
    claims = opened(link.removeprefix("https://gateway.example.com/media/"), SEALER.keys)
    assert claims is not None
    assert (claims.url, claims.upload_id, claims.sha256) == (media.url, media.upload_id, ABOUT["sha256"])
    assert (claims.size, claims.message_id, claims.customers) == (len(PNG), str(EVENT), ("c1",))
    assert answer.details["media"] == ABOUT
    assert all(file.closed for file in world.files.opened)
    assert world.files.deleted == []  # WhatsApp fetches it after it took the message


async def test_templates_with_pictures_need_no_free_place_for_held_files() -> None:
    world = gateway(uploads=False)
    deliver = world.process()

    for number in range(AT_ONCE * 3):
        event = with_header(PICTURE, customer_key=f"c{number}", customer=f"+9665000000{number:02d}")
        event = event.model_copy(update={"event_id": type(EVENT)(int=100 + number)})
        assert (await deliver(event)).code is AnswerStatus.SENT


async def test_without_a_media_address_there_is_no_link() -> None:
    world = gateway(uploads=False)
    world.media_url = None

    await world.answered(with_header(PICTURE))

    [sent] = world.provider.took
    assert isinstance(sent, OutgoingTemplate)
    assert sent.header_media is not None
    assert (sent.header_media.link, sent.header_media.id) == (None, None)


async def test_buttons_are_sent_in_the_window_alone() -> None:
    content = InteractiveRequest.model_validate({"text": "When?", "buttons": [{"id": "1", "title": "Now"}]})
    world = gateway()
    answer = await world.answered(approved(text="", interactive=content, window_closes_at="2026-11-24T12:00:00Z"))
    [sent] = world.provider.took
    assert isinstance(sent, OutgoingInteractive)
    assert answer.details == {"interactive": "buttons"}

    closed = gateway()
    answer = await closed.answered(approved(text="", interactive=content, window_closes_at="2026-11-23T11:00:00Z"))
    assert (answer.code, closed.provider.offered) == (ErrorCode.CONVERSATION_WINDOW_CLOSED, [])


async def test_credentials_that_an_upload_is_refused_for_hold_the_message_and_restrict_the_number() -> None:
    world = gateway(Refused(code=190, http_status=401), Uploaded("media-1"))
    with pytest.raises(RetryLater):
        await world.handler()(received(with_media()))
    assert world.restrictions.kinds() == [("credentials", "n1")]
    assert (world.ledger.entries, world.provider.offered) == ({}, [])

    with pytest.raises(RetryLater):
        await world.handler("sender-2")(received(with_media()))
    assert len(world.uploads.outcomes) == 1  # type: ignore[union-attr]  # no upload while the number is restricted
    world.restrictions.rows.clear()
    answer = answer_in(await world.handler("sender-3")(received(with_media())))

    assert answer.code is AnswerStatus.SENT
    assert len(world.provider.took) == 1


async def test_a_hold_of_an_upload_ends_as_a_failure_that_restricts_the_number() -> None:
    world = gateway(Refused(code=190, http_status=401), Uploaded("media-1"))
    late = with_media(received_at=NOON - timedelta(minutes=15))

    answer = answer_in(await world.handler()(received(late)))

    assert answer.code is ErrorCode.GATEWAY_SEND_FAILED
    assert world.restrictions.kinds() == [("credentials", "n1")]


async def test_an_upload_that_is_refused_does_not_free_a_call_that_may_have_been_made() -> None:
    """Of a message whose call may have been made, only its claim says what became of it."""
    world = gateway(Uploaded("media-1"), Refused(code=190, http_status=401))
    dying = asyncio.ensure_future(world.handler("sender-1")(received(with_media())))
    while not world.provider.offered:
        await asyncio.sleep(0)
    world.world.dies_at = world.world.steps + 1
    with pytest.raises(Crash):
        await dying
    calling = dict(world.ledger.entries)

    with pytest.raises(RetryLater):
        await world.handler("sender-1")(received(with_media()))

    assert [entry.state for entry in calling.values()] == [State.CALLING]
    assert world.ledger.entries == calling
