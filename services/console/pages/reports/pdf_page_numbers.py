"""A canvas that prints "Page 1 of 3": it holds all pages until the last one is complete."""

from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.console.pages.reports.pdf_drawings import REGULAR, RULE, SOFT


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # the library has no types
    footer = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 -- reportlab's name
        """Hold the page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draw every footer, then write the file."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._draw_footer(number, len(self._pages))
            super().showPage()
        super().save()

    def _draw_footer(self, number: int, of: int) -> None:
        y = 10 * mm
        self.setStrokeColor(RULE)
        self.setLineWidth(0.4)
        self.line(18 * mm, y + 9, A4[0] - 18 * mm, y + 9)
        self.setFont(REGULAR, 5.6)
        self.setFillColor(SOFT)
        self.drawString(18 * mm, y, self.footer)
        self.drawRightString(A4[0] - 18 * mm, y, f"Page {number} of {of}")


def numbered_canvas(footer: str) -> type[Canvas]:
    """A canvas class that prints `footer` and the page number on each page."""
    numbered: type[Canvas] = type("NumberedCanvas", (_NumberedCanvas,), {"footer": footer})
    return numbered
