"""Page numbers that know how many there are: pages are kept until the last one is drawn."""

from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.console.pages.pdf_drawing import REGULAR, RULE, SOFT


class _Numbering(Canvas):  # type: ignore[misc]  # the library has no types
    footer = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 -- the library's name
        """Keep the page for later."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draw every footer, then write the file."""
        for number, page in enumerate(self._kept, 1):
            self.__dict__.update(page)
            self._draw_footer(number, len(self._kept))
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


def numbering(footer: str) -> type[Canvas]:
    """A canvas that writes `footer` and the page's number below each page."""
    numbered: type[Canvas] = type("Numbering", (_Numbering,), {"footer": footer})
    return numbered
