"""The four forms of a report: safe whatever names say, the same bytes each time, and nothing from a network."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from services.console.domain.reports.model import ComplianceReport
from services.console.pages.reports.csv_renderer import COLUMNS, CsvRenderer, safe_cell
from services.console.pages.reports.html_renderer import HtmlRenderer
from services.console.pages.reports.json_renderer import JsonRenderer
from services.console.pages.reports.outline import outline_from
from services.console.pages.reports.outline_parts import Tone
from services.console.pages.reports.pdf_document import HEAD, width_of_numbers
from services.console.pages.reports.pdf_drawings import BOLD, register_fonts
from services.console.pages.reports.pdf_renderer import PdfRenderer
from tests.unit.console.reports.samples import BROKEN, a_cell, a_report, an_answer

FORMS = [JsonRenderer(), CsvRenderer(), HtmlRenderer(), PdfRenderer()]
EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}&amp;</style></svg><b>"
NAMES = [EVIL, "عيادة أكمي", "Zahnärzte & Söhne", "İstanbul Kliniği", "診療所 <b>", "x" * 200, "=cmd|' /C calc'!A0"]


class Page(HTMLParser):
    """Every tag, attribute and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def rows(report: ComplianceReport) -> list[list[str]]:
    return list(csv.reader(io.StringIO(CsvRenderer().content(report).decode("utf-8-sig"))))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
@pytest.mark.parametrize("name", [*NAMES, "Acme"])
def test_equal_reports_give_equal_bytes_whatever_the_name(form: Any, name: str) -> None:
    first, second = (form.content(a_report(name=name, business_name=name)) for _ in range(2))

    assert first == second
    assert len(first) > 1000


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_a_period_without_records_has_every_form(form: Any) -> None:
    assert len(form.content(a_report(()))) > 500


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_a_long_period_has_every_form(form: Any) -> None:
    assert len(form.content(a_report(from_="2027-01-01", to="2028-02-01"))) > 1000


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+966512345678", "'+966512345678"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("\u200b=1", "'\u200b=1"),
        ("＝1", "'＝1"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (-3, "-3"),
        (0.5, "0.5"),
        (True, "true"),
    ],
)
def test_no_cell_begins_like_a_formula(value: Any, cell: str) -> None:
    assert safe_cell(value) == cell


@given(st.text(max_size=40))
@example("\x1f=1+1")
@example("\x00=1+1")
@example("\u2060=1+1")
def test_no_text_at_all_becomes_a_formula(text: str) -> None:
    assert not re.match(r"[\s\x00-\x1f\u2060]*[=+\-@\t\r＝＋－＠]", safe_cell(text))


def test_a_csv_row_is_one_figure() -> None:
    found = rows(a_report(name="=1+1", business_name="+cmd"))

    assert tuple(found[0]) == COLUMNS
    assert {len(row) for row in found} == {len(COLUMNS)}
    assert ["account", "name", "", "", "'=1+1"] in found
    assert ["outcomes", "by_code", "", "sent", "91"] in found
    assert ["outcomes", "by_day.refused", "2026-11-23", "", "42"] in found
    assert ["authentication", "by_reason", "", "wrong_secret", "34"] in found
    assert ["suppressions", "added", "", "keyword opt_out", "1"] in found
    assert len({tuple(row[:4]) for row in found}) == len(found)  # tidy: no two rows of one figure


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_on_the_page_and_never_markup(name: str) -> None:
    plain, page = (Page(HtmlRenderer().content(a_report(business_name=n, name=n)).decode()) for n in ("Acme", name))

    assert page.tags == plain.tags
    assert [key for key, _ in page.attributes] == [key for key, _ in plain.attributes]
    assert page.text.count(name) == 6  # title, heading, twice among the facts, controller, sign-off


def test_the_page_asks_nothing_of_a_network_and_runs_nothing() -> None:
    content = HtmlRenderer().content(a_report()).decode()
    page = Page(content)

    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on") or key in {"src", "href", "style", "action"}]
    assert "url(" not in content
    assert "@import" not in content
    assert "http" not in content


def test_the_pages_policy_allows_its_own_style_alone() -> None:
    policy = HtmlRenderer().content_security_policy

    assert "default-src 'none'" in policy
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "unsafe" not in policy


def test_charts_and_tables_tell_everybody_what_they_show() -> None:
    page = Page(HtmlRenderer().content(a_report()).decode())
    attributes = dict.fromkeys(page.attributes)

    assert page.tags.count("caption") == page.tags.count("table") > 10
    assert page.attributes.count(("role", "img")) == page.tags.count("figure") == 3
    assert ("lang", "en") in attributes
    ids = [value for key, value in page.attributes if key == "id"]
    assert len(ids) == len(set(ids))


def test_the_page_says_first_what_matters() -> None:
    text = Page(HtmlRenderer().content(a_report()).decode()).text

    for told in ("messages sent after an opt-out or block was in effect", "proven", "e-2", "+9665•••••000", "131026"):
        assert told in text


def test_the_pdf_holds_no_clock_and_embeds_its_letters() -> None:
    content = PdfRenderer().content(a_report())

    assert content.startswith(b"%PDF-")
    assert b"FontFile2" in content


def test_the_json_form_keeps_the_published_schema() -> None:
    told = json.loads(JsonRenderer().content(a_report(name=EVIL)))

    jsonschema.validate(told, ComplianceReport.model_json_schema(mode="serialization"))
    assert told["period"]["from"] == "2026-11-22T21:00:00Z"
    assert told["account"]["name"] == EVIL


def test_a_broken_record_says_where_and_no_figure_beside_it_is_green() -> None:
    statements = outline_from(a_report(verification=BROKEN)).statements

    assert statements[0].tone is Tone.BAD
    assert statements[0].figure == "BROKEN"
    assert "altered at place 7 of the chain, record r-7" in statements[0].text
    assert Tone.GOOD not in {statement.tone for statement in statements}


def test_a_report_that_is_not_proven_is_red() -> None:
    unproven = BROKEN.model_copy(update={"state": "unproven", "fault": None, "note": "no key"})

    statement = outline_from(a_report(verification=unproven)).statements[0]

    assert (statement.tone, statement.figure, statement.text) == (Tone.BAD, "UNPROVEN", "no key")


def test_records_without_a_checkpoint_are_mentioned() -> None:
    statements = outline_from(a_report(verification=BROKEN)).statements

    assert any(statement.figure == "3" and "no checkpoint covers" in statement.text for statement in statements)


@pytest.mark.parametrize("form", [HtmlRenderer(), PdfRenderer()], ids=lambda form: type(form).__name__)
def test_a_share_is_the_same_wherever_it_stands(form: Any) -> None:
    """183.5 of 1000: rounded to 0.1835 and again, it was 18.4 % here and 18.3 % there."""
    report = a_report(
        [an_answer(records=10_000), a_cell("whatsapp.status_received", None, "delivered", None, records=1_835)]
    )
    outline = outline_from(report)

    [statement] = [each for each in outline.statements if each.text == "of sent messages delivered"]
    [delivery] = [each for each in outline.sections if each.name == "delivery"]
    labels = [shape.text for shape in delivery.charts[0].shapes if hasattr(shape, "text")]
    assert f"1,835 ({statement.figure})" in labels
    assert f"{statement.figure} delivered" in delivery.note
    assert len(form.content(report)) > 1000


def test_the_page_has_what_a_compliance_officer_signs() -> None:
    text = Page(HtmlRenderer().content(a_report()).decode()).text

    for told in (
        "Who read what",
        "list_events",
        "Requests of persons",
        "2026-12-23",
        "Legal holds",
        "Purges in the period",
    ):
        assert told in text
    for told in ("Art. 30 GDPR", "Glossary", "Sign-off", "order_ready", "media: image", "interactive: buttons"):
        assert told in text


def test_no_word_in_a_head_of_numbers_is_broken() -> None:
    register_fonts()
    [days] = [t for s in outline_from(a_report()).sections for t in s.tables if t.caption == "By day"]

    width = width_of_numbers(days, len(days.columns) - 1)

    words = [word for head in days.columns[1:] for word in head.split()]
    assert all(stringWidth(word, BOLD, HEAD.fontSize) + 6 <= width for word in words)
