"""A report as an A4 PDF with the outline of the HTML page; equal reports give equal bytes.

Loaded with the first PDF (`PdfRenderer`): reportlab takes 7 MB.
"""

import io
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from services.console.domain.reports.model import ComplianceReport
from services.console.pages.reports.outline import outline_from
from services.console.pages.reports.outline_parts import Outline, Section, Statement, Table, Tone
from services.console.pages.reports.pdf_drawings import (
    BOLD,
    INK,
    PALE,
    REGULAR,
    RULE,
    SOFT,
    chart_flowable,
    legend_flowable,
    printable,
    register_fonts,
)
from services.console.pages.reports.pdf_page_numbers import numbered_canvas

ACCENT: Final = colors.HexColor("#0b5c56")
TONES: Final = {Tone.GOOD: ACCENT, Tone.BAD: colors.HexColor("#b3261e"), Tone.PLAIN: INK}
MARGIN: Final = 18 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
MAX_ROWS_KEPT_TOGETHER: Final = 18
"""A table with at most this many rows is kept on one page."""


def _style(name: str, size: float, *, color: Any = INK, bold: bool = False, **more: Any) -> ParagraphStyle:
    font = BOLD if bold else REGULAR
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=size * 1.35, textColor=color, **more)


KIND = _style("kind", 8, color=ACCENT, bold=True, spaceAfter=2)
TITLE = _style("title", 17, bold=True, spaceAfter=1)
DAYS = _style("days", 10.5, color=SOFT, spaceAfter=8)
HEADING = _style("heading", 12.5, bold=True, spaceBefore=14, spaceAfter=2)
NOTE = _style("note", 8, color=SOFT, spaceAfter=5)
CAPTION = _style("caption", 8.5, bold=True, spaceBefore=7, spaceAfter=2)
CELL = _style("cell", 7.5, splitLongWords=1)
NUMBER = _style("number", 7.5, alignment=2)
HEAD = _style("head", 7, color=SOFT, bold=True)
HEAD_NUMBER = _style("head-number", 7, color=SOFT, bold=True, alignment=2)
FIGURE = {tone: _style(f"figure-{tone}", 13, color=color, bold=True) for tone, color in TONES.items()}


def pdf_from(report: ComplianceReport) -> bytes:
    """The document."""
    register_fonts()
    outline, out = outline_from(report), io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=f"{outline.title} {outline.days}: {outline.owner}",
        author="WhatsApp gateway for 3CX",
        subject=f"{report.account.id}, figures SHA-256 {report.proof.sha256}",
        lang="en",
        invariant=1,  # no time stamps and no random ids in the file
    )
    footer = f"{outline.title} · {report.account.id} · figures SHA-256 {report.proof.sha256}"
    document.build(list(_flowables(outline)), canvasmaker=numbered_canvas(printable(footer)))
    return out.getvalue()


def _flowables(outline: Outline) -> Iterator[Flowable]:
    yield _text(outline.title.upper(), KIND)
    yield _text(outline.owner, TITLE)
    yield _text(outline.days, DAYS)
    yield _facts(outline)
    yield Spacer(0, 10)
    yield _statements(outline.statements)
    for section in outline.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[Flowable]:
    head: list[Flowable] = [_text(section.title, HEADING), _text(section.note, NOTE)]
    for drawing in section.charts:
        head += [chart_flowable(drawing, WIDTH), legend_flowable(drawing, WIDTH)]
    tables = [table for table in section.tables if table.rows]
    if not tables:
        head.append(_text("Nothing on record.", NOTE))
    elif len(tables[0].rows) <= MAX_ROWS_KEPT_TOGETHER and not section.charts:
        head += _table(tables.pop(0))
    yield KeepTogether(head)
    for table in tables:
        flowables = _table(table)
        if len(table.rows) <= MAX_ROWS_KEPT_TOGETHER:
            yield KeepTogether(flowables)
        else:
            yield CondPageBreak(40 * mm)
            yield from flowables


def _facts(outline: Outline) -> Flowable:
    cells = [(_text(name, HEAD), _text(value, CELL)) for name, value in outline.facts]
    half = (len(cells) + 1) // 2
    rows = [[*cells[i], *(cells[i + half] if i + half < len(cells) else ("", ""))] for i in range(half)]
    table = LongTable(rows, colWidths=[WIDTH * share for share in (0.1, 0.36, 0.1, 0.44)], hAlign="LEFT")
    table.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_paddings(1.5), ("LINEBELOW", (0, -1), (-1, -1), 2, ACCENT)])
    )
    return table


def _statements(statements: tuple[Statement, ...]) -> Flowable:
    cells = [[_text(s.figure, FIGURE[s.tone]), _text(s.text, NOTE)] for s in statements]
    rows = [cells[i : i + 3] + [""] * (3 - len(cells[i : i + 3])) for i in range(0, len(cells), 3)]
    table = LongTable(rows, colWidths=[WIDTH / 3] * 3, hAlign="LEFT")
    edges = [
        ("LINEBEFORE", (i % 3, i // 3), (i % 3, i // 3), 2.5, TONES[statement.tone])
        for i, statement in enumerate(statements)
    ]
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), PALE),
                ("INNERGRID", (0, 0), (-1, -1), 5, colors.white),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 9),
                *edges,
            ]
        )
    )
    return table


def _table(table: Table) -> list[Flowable]:
    numbers = len(table.columns) - table.text_columns
    heads = [_text(c, HEAD if i < table.text_columns else HEAD_NUMBER) for i, c in enumerate(table.columns)]
    rows = [
        [_text(cell, CELL if i < table.text_columns else NUMBER) for i, cell in enumerate(row)] for row in table.rows
    ]
    number_width = width_of_numbers(table, numbers)
    text_width = (WIDTH - number_width * numbers) / table.text_columns
    widths = (
        [text_width] * table.text_columns
        if table.columns[0]
        else [WIDTH * 0.32, *[WIDTH * 0.68] * (table.text_columns - 1)]
    )
    flowable = LongTable([heads, *rows], colWidths=[*widths, *[number_width] * numbers], repeatRows=1, hAlign="LEFT")
    flowable.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, PALE]),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *_paddings(2),
            ]
        )
    )
    return [_text(table.caption, CAPTION), flowable]


def width_of_numbers(table: Table, numbers: int) -> float:
    """The width of the columns of numbers: no word in them is broken."""
    words = [word for head in table.columns[table.text_columns :] for word in head.split()]
    longest: float = max([stringWidth(word, BOLD, HEAD.fontSize) for word in words], default=0.0)
    even: float = min(62.0, WIDTH * 0.6 / max(numbers, 1))
    return max(even, longest + 8.0)


def _paddings(points: float) -> list[tuple[Any, ...]]:
    every = (0, 0), (-1, -1)
    sides = [("LEFTPADDING", *every, 3), ("RIGHTPADDING", *every, 3)]
    return [("TOPPADDING", *every, points), ("BOTTOMPADDING", *every, points), *sides]


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph; reportlab parses markup, so the text is escaped."""
    return Paragraph(escape(printable(text)), style)
