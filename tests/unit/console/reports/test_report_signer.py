"""A report, and each of its files, is verified with the public key alone, and any change is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from libs.record.keys import PublicKey, PublicKeys, SigningKey
from libs.record.pdf_signatures import pdf_problem
from libs.record.reports import report_problem, text_problem
from services.console.adapters.report_signer import ReportSigner
from services.console.domain.reports.builder import digest_of
from services.console.domain.reports.requests import Format
from services.console.pages.reports.csv_renderer import CsvRenderer
from services.console.pages.reports.html_renderer import HtmlRenderer
from services.console.pages.reports.pdf_renderer import PdfRenderer
from services.console.ports import ReportRenderer
from tests.unit.console.reports.samples import BROKEN, a_report

KEY = SigningKey("k1", bytes(range(32)))
OTHER = SigningKey("k2", bytes(range(1, 33)))
KEYS = {"k1": PublicKey("k1", KEY.public)}
SIGN = ReportSigner(KEY)


def told(**changes: Any) -> dict[str, Any]:
    """A signed report as its JSON form, with something changed afterwards."""
    report: dict[str, Any] = json.loads(SIGN(a_report()).model_dump_json(by_alias=True))
    return report | changes


def test_a_report_is_verified_with_nothing_but_itself_and_the_public_key() -> None:
    report = SIGN(a_report())

    assert report.proof.key_id == "k1"
    assert report.proof.sha256 == digest_of(report)
    assert report_problem(json.loads(json.dumps(told(), indent=2)), KEYS) is None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"generated_by": "somebody else"}, id="the maker"),
        pytest.param({"generated_at": "2026-12-02T09:00:00Z"}, id="the time"),
        pytest.param({"verification": BROKEN.model_dump(mode="json")}, id="the verification"),
        pytest.param({"policy": {"by_rule": [], "content_blocked": 0, "flagged": 99}}, id="a figure"),
        pytest.param({"period": {}}, id="the period"),
        pytest.param({"note": "more"}, id="a field more"),
    ],
)
def test_whatever_is_changed_is_found(changed: dict[str, Any]) -> None:
    assert report_problem(told(**changed), KEYS) == "its signature does not fit its content: it was changed"


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        pytest.param({}, "no report of this format", id="nothing"),
        pytest.param({"proof": None, "generated_at": ""}, "no report of this format", id="no proof"),
        pytest.param({"proof": {"key_id": None, "signature": None}, "generated_at": ""}, "not signed", id="unsigned"),
        pytest.param({"proof": {"key_id": "k9", "signature": "AA=="}, "generated_at": ""}, "not trusted", id="a key"),
        pytest.param({"proof": {"key_id": "k1", "signature": "%"}, "generated_at": ""}, "changed", id="no base64"),
    ],
)
def test_what_is_no_signed_report_is_refused(report: Any, problem: str) -> None:
    assert problem in str(report_problem(report, KEYS))


def test_a_report_made_after_its_keys_retirement_is_refused() -> None:
    retired = {"k1": PublicKey("k1", KEY.public, retired_at=1)}

    assert "was retired" in str(report_problem(told(), retired))


FILES: dict[Format, tuple[ReportRenderer, Callable[[bytes, PublicKeys], str | None]]] = {
    Format.CSV: (CsvRenderer(), text_problem),
    Format.HTML: (HtmlRenderer(), text_problem),
    Format.PDF: (PdfRenderer(), pdf_problem),
}


@pytest.mark.parametrize("form", FILES)
def test_each_file_is_verified_and_a_changed_byte_is_found(form: Format) -> None:
    renderer, problem_of = FILES[form]
    plain = renderer.content(SIGN(a_report()))

    content = SIGN.document(form, plain)

    assert problem_of(content, KEYS) is None
    assert problem_of(plain, KEYS) is not None
    assert problem_of(content, {"k1": PublicKey("k1", OTHER.public)}) is not None
    for at in (len(plain) // 3, len(plain) - 40, len(content) - 60):
        changed = bytearray(content)
        changed[at] ^= 1
        assert problem_of(bytes(changed), KEYS) is not None, at
    assert problem_of(content + b"\n", KEYS) is not None


def test_a_pdf_that_cannot_be_read_is_refused() -> None:
    assert "cannot be read" in str(pdf_problem(b"%PDF-1.4 nothing", KEYS))


def test_a_copy_with_another_figure_has_another_digest_and_one_made_later_the_same() -> None:
    report = a_report()
    altered = report.model_copy(update={"policy": report.policy.model_copy(update={"flagged": 99})})
    later = report.model_copy(update={"generated_by": "somebody else", "verification": report.verification})

    assert digest_of(altered) != digest_of(report) == digest_of(later)
