"""The XML that 3CX is given, and the path token in it; read with an XML parser, filled in as 3CX does."""

import re
from xml.etree import ElementTree as ET

import pytest

from services.console.domain.crm_template import SECRET_HEADER, crm_template_from
from services.ingress.domain.dialects import translation_from
from tests.builders import NOON, an_integration
from tests.unit.console.world import World

AWKWARD = "https://gateway.example.com/hook?a=1&b=<2>\"'"
CALL = {
    "[CallType]": "Missed",
    "[Number]": "0512345678",
    "[Agent]": "101",
    "[DateTime]": "23/11/2026 12:00",
    "[Duration]": "00:00:00",
    '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]': "2026-11-23T12:00:00Z",
}


def request_in(text: str) -> ET.Element:
    found = ET.fromstring(text.encode()).find("Scenarios/Scenario[@Id='ReportCall']/Request")  # noqa: S314 -- our own text
    assert found is not None
    return found


@pytest.mark.parametrize("asks_secret", [True, False])
def test_it_is_well_formed_whatever_the_address_holds(asks_secret: bool) -> None:  # noqa: FBT001 -- a table's column
    request = request_in(crm_template_from(AWKWARD, asks_secret=asks_secret).text)

    assert request.get("Url") == AWKWARD
    assert (request.get("RequestType"), request.get("RequestContentType")) == ("Post", "application/json")


def test_where_3cx_asks_for_the_secret_it_sends_it_in_our_header() -> None:
    text = crm_template_from(AWKWARD, asks_secret=True).text

    [header] = request_in(text).iterfind("Headers/Value")
    [parameter] = ET.fromstring(text.encode()).iterfind("Parameters/Parameter[@Name='Secret']")  # noqa: S314 -- our own
    assert (header.get("Key"), header.text) == (SECRET_HEADER, "[Secret]")
    assert (parameter.get("Type"), parameter.get("Default")) == ("Password", "")


def test_with_the_proof_in_its_url_it_asks_for_nothing_and_sets_no_header() -> None:
    text = crm_template_from(AWKWARD, asks_secret=False).text

    assert request_in(text).find("Headers") is None
    assert "Secret" not in text


def test_what_3cx_posts_by_it_is_understood() -> None:
    request = request_in(crm_template_from(AWKWARD, asks_secret=False).text)
    body = {
        value.get("Key", ""): CALL.get(value.text or "", value.text) for value in request.iterfind("PostValues/Value")
    }

    told = translation_from(body, an_integration(), now=NOON)

    assert (told.dialect, told.payload.event_type, told.payload.caller) == ("crm_template", "missed_call", "0512345678")
    assert told.payload.queue is None
    assert told.deduplication_key is not None
    assert "2026-11-23T12:00:00Z" in told.deduplication_key[1]


async def test_the_template_can_be_read_as_often_as_one_likes(world: World) -> None:
    made = await world.integration()

    answers = [await world.call("GET", f"/integrations/{made['id']}/crm-template.xml") for _ in range(2)]

    texts = [await answer.text() for answer in answers]
    assert [answer.content_type for answer in answers] == ["application/xml"] * 2
    assert texts[0] == texts[1]
    assert request_in(texts[0]).get("Url") == made["webhook_url"]
    assert made["secret"] not in texts[0]


async def test_a_template_with_a_token_makes_the_token_and_records_that(world: World) -> None:
    made = await world.integration()

    answer = await world.call("POST", f"/integrations/{made['id']}/crm-template.xml", json={"overlap_seconds": 60})

    url = request_in(await answer.text()).get("Url") or ""
    row = await world.store.directory.integration(made["id"])
    assert re.fullmatch(rf"{re.escape(made['webhook_url'])}/[A-Za-z0-9_-]{{43}}", url)
    assert row is not None
    assert len(row.path_tokens) == 1
    assert world.broker.events[-1].name == "integration.secret_rotated"


async def test_a_path_token_rotates_with_an_overlap(world: World) -> None:
    made = await world.integration()
    path = f"/integrations/{made['id']}/rotate-path-token"
    first = await world.ok("POST", path, {})

    second = await world.ok("POST", path, {"overlap_seconds": 60})

    row = await world.store.directory.integration(made["id"])
    assert row is not None
    assert len(row.path_tokens) == 2
    assert first["secret"] != second["secret"]
    assert second["webhook_url"] == f"{made['webhook_url']}/{second['secret']}"
    assert second["which"] == "path"


WINDOW_TEMPLATE = {"name": "reopen", "language": "en", "languages": ["ar", "es_419"], "parameters": ["business_name"]}


async def test_a_window_template_comes_back_as_it_was_given(world: World) -> None:
    made = await world.integration(strict_window=False, window_template=WINDOW_TEMPLATE, allow_get=True)

    assert (made["window_template"], made["allow_get"]) == (WINDOW_TEMPLATE, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("name", "Reopen Me", id="a name that WhatsApp would not take"),
        pytest.param("language", "english", id="a language that is no code"),
        pytest.param("languages", ["ar", "AR-sa"], id="one language of several"),
        pytest.param("parameters", ["message_text"], id="the message's text as a parameter"),
        pytest.param("components", [], id="a field of another API"),
    ],
)
async def test_a_window_template_that_could_not_be_sent_is_refused(world: World, field: str, value: object) -> None:
    made = await world.integration()

    answer = await world.call(
        "PATCH", f"/integrations/{made['id']}", json={"window_template": WINDOW_TEMPLATE | {field: value}}
    )

    told = await answer.json()
    assert answer.status == 422
    assert told["details"]["errors"][0]["field"].startswith(f"window_template.{field}")
