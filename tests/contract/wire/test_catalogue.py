import re
from pathlib import Path
from uuid import UUID

import pytest

from docs.generate import FOLDER, PAGES
from libs.contracts.errors import AnyCode, ErrorCode, GatewayError, OperatorCode
from libs.contracts.events import WebhookAnswered
from libs.contracts.results import AnswerCode, AnswerStatus, failure_body, success_body

EVERY_CODE = [*ErrorCode, *OperatorCode]
IN_ORDER = {
    "invalid_3cx_webhook": 401,
    "payload_too_large": 413,
    "webhook_rate_limited": 429,
    "invalid_json": 400,
    "unsupported_event_type": 422,
    "module_not_enabled": 403,
    "outbound_disabled": 403,
    "call_events_disabled": 403,
    "missing_phone": 422,
    "missing_message_text": 422,
    "message_text_too_long": 422,
    "invalid_media": 422,
    "media_expired": 410,
    "invalid_reference": 422,
    "message_purpose_not_allowed": 422,
    "recipient_suppressed": 403,
    "opt_in_required": 403,
    "conversation_window_closed": 409,
    "policy_violation": 403,
    "daily_message_limit_exceeded": 429,
    "sending_throttled": 429,
    "gateway_send_failed": 502,
    "gateway_unavailable": 503,
    "idempotency_key_reused": 409,
}


def test_the_catalogue_has_the_agreed_codes_statuses_and_order() -> None:
    assert [(c.value, c.explanation.status.value) for c in ErrorCode] == list(IN_ORDER.items())


@pytest.mark.parametrize("code", EVERY_CODE)
def test_every_code_is_explained_to_a_reader(code: AnyCode) -> None:
    told = code.explanation

    assert code.value == code.name.lower()
    for sentence in (told.message, told.cause, told.fix):
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence.startswith("`")


@pytest.mark.parametrize("code", EVERY_CODE)
def test_every_code_is_used_by_the_code(code: AnyCode) -> None:
    sources = [p.read_text("utf-8") for d in ("libs", "services") for p in Path(d).rglob("*.py")]

    assert any(f"{type(code).__name__}.{code.name}" in text for text in sources)


def test_the_generic_answer_is_exactly_the_promised_body() -> None:
    assert failure_body(ErrorCode.INVALID_3CX_WEBHOOK)[1] == {
        "success": False,
        "error": "invalid_3cx_webhook",
        "message": "Invalid 3CX webhook request.",
    }


@pytest.mark.parametrize("code", EVERY_CODE)
def test_every_failure_has_the_one_shape(code: AnyCode) -> None:
    status, body = failure_body(code, "e1", {"limit": 1})

    assert status is code.explanation.status
    assert list(body) == ["success", "error", "message", "event_id", "details"]


@pytest.mark.parametrize("status", AnswerStatus)
def test_a_success_is_200_and_what_is_pending_202(status: AnswerStatus) -> None:
    http, body = success_body(status, "e1", message_id="wamid.1", reason="cooldown")

    assert http == (202 if status is AnswerStatus.PENDING else 200)
    assert body["status"] == status.value


def test_no_status_is_an_error_code_too() -> None:
    assert {status.value for status in AnswerStatus}.isdisjoint(code.value for code in ErrorCode)


@pytest.mark.parametrize("code", [*AnswerStatus, *ErrorCode])
def test_every_code_of_an_answer_is_read_back_as_itself(code: AnswerCode) -> None:
    answered = WebhookAnswered(event_id=UUID(int=1), reply_to="ingress-1", code=code)

    read = WebhookAnswered.model_validate_json(answered.model_dump_json())

    assert read.code is code


def test_an_errors_text_holds_its_code_alone() -> None:
    error = GatewayError(ErrorCode.MISSING_PHONE, {"fields": ["to"]})

    assert str(error) == "missing_phone"


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    """`make docs` writes them."""
    assert (FOLDER / page).read_text("utf-8") == PAGES[page]().rstrip() + "\n"


def test_the_settings_page_shows_no_default_as_stars() -> None:
    assert "**" not in (FOLDER / "settings.md").read_text("utf-8").replace("**required**", "")


def test_every_code_has_a_section_in_the_error_page() -> None:
    sections = re.findall(r"^### (\w+)$", (FOLDER / "errors.md").read_text("utf-8"), re.MULTILINE)

    assert sections == [code.value for code in EVERY_CODE]
