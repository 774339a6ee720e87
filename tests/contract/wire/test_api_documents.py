"""The documents of the APIs are valid, and what the gateway publishes and answers fits them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
import schemathesis
from jsonschema import Draft7Validator, Draft202012Validator

from docs.event_api import document as event_document
from docs.ingress_api import document as ingress_document
from docs.operators_api import document as operators_document
from docs.postman import collection, example_of
from libs.contracts.errors import ErrorCode, OperatorCode
from libs.contracts.events import BY_NAME, EVENTS, Event
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS
from libs.contracts.results import AnswerStatus, failure_body, success_body
from tests.contract.wire.examples import EXAMPLES

PUBLISHED = Path(__file__).parents[1] / "published" / "asyncapi-3.0.0.schema.json.gz"
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
EVENTS_API = event_document()
APIS = {"webhooks": ingress_document(), "operators": operators_document()}


def schema_of(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of one schema of a document, whose references lead into the document."""
    return Draft202012Validator({**schema, "components": document["components"]})


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method, path, operation


# ---------------------------------------------------------------- AsyncAPI


def test_the_document_of_events_is_asyncapi_3() -> None:
    published = json.loads(gzip.decompress(PUBLISHED.read_bytes()))

    assert [error.message for error in Draft7Validator(published).iter_errors(EVENTS_API)] == []


def test_the_published_schema_finds_mistakes() -> None:
    published = json.loads(gzip.decompress(PUBLISHED.read_bytes()))
    broken = json.loads(json.dumps(EVENTS_API))
    broken["operations"]["policy.MessageApproved"]["action"] = "publish"

    assert list(Draft7Validator(published).iter_errors(broken))


def test_every_event_has_a_channel_and_every_producer_an_operation() -> None:
    wanted = {f"{service}.{event.__name__}" for service, events in PRODUCERS.items() for event in events}
    wanted |= {f"ingress.{event.__name__}" for event in DEAD_LETTERS_ONLY}

    assert set(EVENTS_API["channels"]) == {event.__name__ for event in EVENTS}
    assert set(EVENTS_API["operations"]) == wanted


def test_every_reference_of_the_document_leads_somewhere() -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (v for k, v in value.items() if k == "$ref")
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in references(EVENTS_API):
        found: Any = EVENTS_API
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def validator_for(event: type[Event]) -> Draft202012Validator:
    return schema_of(EVENTS_API, EVENTS_API["components"]["messages"][event.__name__]["payload"])


@pytest.mark.parametrize("file", GOLDEN, ids=[file.stem for file in GOLDEN])
def test_every_golden_message_fits_the_document(file: Path) -> None:
    event = BY_NAME[file.stem]

    validator_for(event).validate(json.loads(file.read_text("utf-8")))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_every_event_that_is_published_fits_the_document(example: Event) -> None:
    validator_for(type(example)).validate(json.loads(example.model_dump_json(exclude_none=True)))


def test_a_message_that_is_none_does_not_fit() -> None:
    wrong = json.loads(EXAMPLES[0].model_dump_json()) | {"account_id": 5}

    with pytest.raises(jsonschema.ValidationError):
        validator_for(type(EXAMPLES[0])).validate(wrong)


# ---------------------------------------------------------------- OpenAPI


@pytest.mark.parametrize("name", APIS)
def test_the_documents_of_the_http_apis_are_openapi_3_1(name: str) -> None:
    assert APIS[name]["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(APIS[name]).validate()


@pytest.mark.parametrize("code", [*ErrorCode, *OperatorCode], ids=str)
def test_every_refusal_fits_the_document(code: ErrorCode | OperatorCode) -> None:
    _, body = failure_body(code, "01234567-89ab-4cde-8f01-23456789abcd", {"field": "to"})

    schema_of(APIS["webhooks"], {"$ref": "#/components/schemas/Failure"}).validate(body)


@pytest.mark.parametrize("status", list(AnswerStatus), ids=str)
def test_every_success_fits_the_document(status: AnswerStatus) -> None:
    _, body = success_body(status, "01234567-89ab-4cde-8f01-23456789abcd", message_id="wamid.1", reason="cooldown")

    schema_of(APIS["webhooks"], {"$ref": "#/components/schemas/Success"}).validate(body)


def test_every_code_of_a_webhooks_answer_is_in_the_document() -> None:
    webhook = APIS["webhooks"]["paths"]["/integrations/3cx/webhook/{integration_id}"]["post"]
    told = " ".join(answer["description"] for answer in webhook["responses"].values())

    assert [code for code in ErrorCode if f"`{code.value}`" not in told] == []


# ---------------------------------------------------------------- Postman


def requests_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        if "request" in item:
            yield item
        else:
            yield from requests_of(item["item"])


def test_the_collection_has_each_operation_once() -> None:
    requests = list(requests_of(collection()["item"]))

    found = sorted((r["request"]["method"].lower(), "/" + "/".join(r["request"]["url"]["path"])) for r in requests)

    wanted = [(method, path) for document in APIS.values() for method, path, _ in operations_of(document)]
    named = [(m, "/".join(f":{p[1:-1]}" if p.startswith("{") else p for p in path.split("/"))) for m, path in wanted]
    assert found == sorted(named)
    assert len({request["id"] for request in requests}) == len(requests)


@pytest.mark.parametrize("name", APIS)
def test_the_collections_bodies_are_what_the_apis_take(name: str) -> None:
    document = APIS[name]
    for _, path, operation in operations_of(document):
        if "application/json" in (body := operation.get("requestBody", {})).get("content", {}):
            schema = body["content"]["application/json"]["schema"]
            value = example_of(schema, document)
            problems = [error.message for error in schema_of(document, schema).iter_errors(value)]
            assert problems == [] or "pattern" in str(schema) or _misses_a_pattern(problems), (path, problems)


def _misses_a_pattern(problems: list[str]) -> bool:
    """Whether the example lacks nothing but the form of its texts, which its reader fills in."""
    return all("does not match" in problem or "is not a" in problem for problem in problems)


def test_the_collection_holds_no_secret() -> None:
    values = {each["key"]: each["value"] for each in collection()["variable"]}

    assert {name for name, value in values.items() if value} == {"ingress", "console"}
