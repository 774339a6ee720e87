"""Ingress as a process against what its OpenAPI document lets schemathesis think of: it answers as promised alone.

Each case has an integration of its own, so that the limit of 60 requests a minute hides nothing.
"""

import asyncio
import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.result import Ok

from docs.ingress_api import document
from libs.store.accounts import SecretHash
from services.ingress.http.threecx_webhooks import TIMESTAMP_HEADER
from tests.integration.test_ingress_service import SECRET, Place, placed, row
from tests.unit.providers.cloud_api.samples import signature_of

PATH_TOKEN, CHAT_KEY = "a-path-token-of-the-test", "a-chat-key-of-the-test"
EXAMPLES = 20
"""Cases of each operation."""
PROMISED = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)


def hashed(text: str) -> tuple[SecretHash, ...]:
    return (SecretHash(sha256=hashlib.sha256(text.encode()).hexdigest()),)


def headers_for(path: str, body: Any) -> dict[str, str]:
    """What authenticates a caller of this path."""
    if path.endswith("/whatsapp/webhook") and isinstance(body, dict):
        name, value = signature_of(json.dumps(body).encode(), "app-secret")
        return {name: value}
    if "/consents/" in path:
        return {"X-WhatsApp-Gateway-3CX-Secret": SECRET, TIMESTAMP_HEADER: str(int(time.time()))}
    return {"Authorization": f"Bearer {CHAT_KEY}"} if "/chat/" in path else {"X-WhatsApp-Gateway-3CX-Secret": SECRET}


def sent(base_url: str, ids: Iterator[int]) -> Counter[tuple[str, int]]:
    """Send the cases of every operation, and count their answers."""
    statuses: Counter[tuple[str, int]] = Counter()
    for found in schemathesis.openapi.from_dict(document()).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any) -> None:
            known = {"integration_id": f"int_{next(ids)}", "path_token": PATH_TOKEN}
            case.path_parameters = {**case.path_parameters, **known} if case.path_parameters else {}
            response = case.call(base_url=base_url, headers=headers_for(case.path, case.body))
            statuses[case.operation.label, response.status_code] += 1
            case.validate_response(response, checks=PROMISED)

        send()
    return statuses


async def prepare(place: Place, count: int) -> None:
    """Integrations that take a request in each of the three ways."""
    secrets = {"path_tokens": hashed(PATH_TOKEN), "chat_keys": hashed(CHAT_KEY), "chat_enabled": True}
    for number in range(2, count):
        assert await place.store.registry.save(row(id=f"int_{number}", allow_get=True, **secrets), [], created=True)


async def test_no_input_gets_an_answer_that_the_document_does_not_promise(vhost: str, tmp_path: Path) -> None:
    async with placed(vhost, tmp_path) as place:
        await prepare(place, 9 * EXAMPLES)
        await place.start()

        statuses = await asyncio.to_thread(sent, f"http://127.0.0.1:{place.port}", itertools.count(2))

    accepted = {label for (label, status), _ in statuses.items() if status == 200}
    assert len({label for label, _ in statuses}) == 9
    assert "POST /integrations/3cx/webhook/{integration_id}" in accepted
    assert "POST /integrations/3cx/chat/{integration_id}" in accepted
    assert "POST /integrations/3cx/consents/{integration_id}" in accepted
    assert "GET /integrations/3cx/webhook/{integration_id}/{path_token}" in accepted
    assert not any(status == 429 for _, status in statuses)
