"""The OpenAPI document: valid, complete, and true of what is served."""

import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
import schemathesis

from libs.contracts.errors import ErrorCode, OperatorCode
from tests.unit.console.world import World

CALLS = {
    "POST /api/v1/accounts",
    "GET /api/v1/accounts",
    "GET /api/v1/accounts/{account_id}",
    "PATCH /api/v1/accounts/{account_id}",
    "POST /api/v1/accounts/{account_id}/instances",
    "GET /api/v1/accounts/{account_id}/instances",
    "GET /api/v1/accounts/{account_id}/instances/{instance_id}",
    "PATCH /api/v1/accounts/{account_id}/instances/{instance_id}",
    "POST /api/v1/accounts/{account_id}/instances/{instance_id}/rotate-secret",
    "POST /api/v1/integrations",
    "GET /api/v1/integrations",
    "GET /api/v1/integrations/{integration_id}",
    "PATCH /api/v1/integrations/{integration_id}",
    "POST /api/v1/integrations/{integration_id}/chat-test",
    "POST /api/v1/integrations/{integration_id}/rotate-secret",
    "POST /api/v1/integrations/{integration_id}/rotate-path-token",
    "GET /api/v1/integrations/{integration_id}/crm-template.xml",
    "POST /api/v1/integrations/{integration_id}/crm-template.xml",
    "POST /api/v1/suppressions",
    "GET /api/v1/suppressions",
    "GET /api/v1/suppressions/export",
    "GET /api/v1/suppressions/{suppression_id}",
    "DELETE /api/v1/suppressions/{suppression_id}",
    "GET /api/v1/restrictions",
    "DELETE /api/v1/restrictions/{restriction_id}",
    "GET /api/v1/templates",
    "POST /api/v1/templates/sync",
    "POST /api/v1/uploads",
    "GET /api/v1/audit/verify",
    "POST /api/v1/audit/restorations",
    "GET /api/v1/audit/keys",
    "GET /api/v1/audit/export",
    "GET /api/v1/audit/proofs/{record_id}",
    "GET /api/v1/events",
    "GET /api/v1/events/{event_id}",
    "GET /api/v1/reports/compliance",
    "POST /api/v1/policy/simulate",
    "GET /api/v1/forwards",
    "GET /api/v1/forwards/{forward_id}",
    "GET /api/v1/dead-letters",
    "GET /api/v1/dead-letters/{dead_letter_id}",
    "POST /api/v1/dead-letters/{dead_letter_id}/replay",
    "POST /api/v1/dead-letters/{dead_letter_id}/discard",
    "POST /api/v1/tokens",
    "GET /api/v1/tokens",
    "DELETE /api/v1/tokens/{token_id}",
    "GET /api/v1/approvals",
    "GET /api/v1/approvals/{approval_id}",
    "POST /api/v1/approvals/{approval_id}/approve",
    "POST /api/v1/approvals/{approval_id}/reject",
    "POST /api/v1/consents",
    "GET /api/v1/consents",
    "POST /api/v1/consents/withdrawals",
    "POST /api/v1/suppressions/imports",
    "POST /api/v1/consents/imports",
    "GET /api/v1/audit/log",
    "GET /api/v1/audit/log/consistency",
    "POST /api/v1/erasures",
    "GET /api/v1/erasures/{erasure_id}/contact-book",
    "POST /api/v1/subject-exports",
}


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    told: dict[str, Any] = await world.ok("GET", "/openapi.json")
    return told


async def test_the_document_names_every_call(document: dict[str, Any]) -> None:
    assert {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods} == CALLS


async def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(document)

    schema.validate()
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"bearer": []}]


async def test_another_method_is_told_the_documented_ones_alone(world: World, document: dict[str, Any]) -> None:
    told = {}
    for path in document["paths"]:
        response = await world.call("OPTIONS", re.sub(r"\{\w+\}", "known", path.removeprefix("/api/v1")))
        told[path] = (response.status, response.headers["Allow"])

    assert told == {path: (405, _methods_of(methods)) for path, methods in document["paths"].items()}


def _methods_of(calls: dict[str, Any]) -> str:
    return ", ".join(sorted(method.upper() for method in calls))


async def test_every_schema_is_a_schema_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {ref.removeprefix("#/components/schemas/") for ref in _references(document)} <= schemas.keys()


async def test_every_status_that_is_told_is_one_of_the_catalogues(document: dict[str, Any]) -> None:
    catalogue = {code.explanation.status.value for code in (*ErrorCode, *OperatorCode)}
    told = {
        int(status) for path in document["paths"].values() for call in path.values() for status in call["responses"]
    }

    assert told <= catalogue | {200, 201, 202}
    assert {401, 403, 422, 503} <= told


async def test_a_refusal_is_shaped_as_the_document_says(world: World, document: dict[str, Any]) -> None:
    refusal = await (await world.call("POST", "/accounts", json={})).json()

    schema = {"$ref": "#/components/schemas/Refusal", "components": document["components"]}
    jsonschema.validate(refusal, schema)


async def test_an_edit_has_no_defaults(document: dict[str, Any]) -> None:
    for name in ("EditAccountRequest", "EditNumberRequest", "EditIntegrationRequest"):
        fields = document["components"]["schemas"][name]["properties"]
        assert not [field for field, told in fields.items() if "default" in told]


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(child) for child in node))
    return set()
