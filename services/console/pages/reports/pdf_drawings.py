"""Charts, colours and the font of the PDF: Bitstream Vera, which reportlab contains and embeds."""

from functools import cache
from typing import Any, Final

from reportlab.graphics import shapes
from reportlab.lib import colors
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from services.console.pages.reports.drawings import Drawing, Ink, Label, Line, Rect, Shape

REGULAR, BOLD = "Vera", "VeraBd"
INK: Final = colors.HexColor("#16202b")
SOFT: Final = colors.HexColor("#55616e")
RULE: Final = colors.HexColor("#cfd6dd")
PALE: Final = colors.HexColor("#f3f6f8")
INKS: Final = {
    Ink.SENT: colors.HexColor("#0f766e"),
    Ink.NO_MESSAGE: colors.HexColor("#9aa8b6"),
    Ink.REFUSED: colors.HexColor("#d68a0c"),
    Ink.FAILED: colors.HexColor("#b3261e"),
    Ink.LIMIT: colors.HexColor("#b3261e"),
    Ink.AXIS: RULE,
    Ink.TEXT: SOFT,
}
OTHER_SCRIPT: Final = "[script not supported in the PDF: see the HTML form]"
_FONT_SIZE = 8.0
_LEGEND_BOX = 7.0


@cache
def register_fonts() -> None:
    """Register the fonts, once for each process."""
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))


def printable(text: str) -> str:
    """The text; words with characters that the font does not have are replaced by a note."""
    register_fonts()
    known = pdfmetrics.getFont(REGULAR).face.charToGlyph
    return text if all(ord(letter) in known for letter in text) else _with_note(text, known)


def _with_note(text: str, known: Any) -> str:
    words = text.split(" ")
    kept = " ".join(word for word in words if word and all(ord(letter) in known for letter in word))
    return f"{kept} {OTHER_SCRIPT}".strip()


def chart_flowable(drawing: Drawing, width: float) -> shapes.Drawing:
    """The drawing, scaled to a width."""
    scale = width / drawing.width
    page = shapes.Drawing(width, drawing.height * scale)
    group = shapes.Group(transform=(scale, 0, 0, scale, 0, 0))
    for shape in drawing.shapes:
        group.add(_shape(shape, drawing.height))
    page.add(group)
    return page


def legend_flowable(drawing: Drawing, width: float) -> shapes.Drawing:
    """The legend of the colours, in one line."""
    page = shapes.Drawing(width, 14 if drawing.legend else 2)
    x = 0.0
    for ink, text in drawing.legend:
        page.add(shapes.Rect(x, 4, _LEGEND_BOX, _LEGEND_BOX, fillColor=INKS[ink], strokeColor=None))
        page.add(shapes.String(x + 11, 4.6, text, fontName=REGULAR, fontSize=7, fillColor=SOFT))
        x += 11 + pdfmetrics.stringWidth(text, REGULAR, 7) + 16
    return page


def _shape(shape: Shape, height: float) -> shapes.Shape:
    """A shape with the origin at the bottom, as reportlab expects."""
    match shape:
        case Rect(x, y, width, high, ink, _):
            return shapes.Rect(x, height - y - high, width, high, fillColor=INKS[ink], strokeColor=None)
        case Line(x1, y1, x2, y2, ink, dashed):
            dash = [4, 2.5] if dashed else None
            return shapes.Line(
                x1, height - y1, x2, height - y2, strokeColor=INKS[ink], strokeWidth=0.7, strokeDashArray=dash
            )
        case Label(x, y, text, anchor, ink):
            return shapes.String(
                x,
                height - y,
                printable(text),
                fontName=REGULAR,
                fontSize=_FONT_SIZE,
                fillColor=INKS[ink],
                textAnchor=anchor,
            )
