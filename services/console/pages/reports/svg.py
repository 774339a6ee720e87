"""Renders drawings as SVG; CSS classes in place of colours let the page's style define light and dark mode."""

from collections.abc import Iterator

from markupsafe import Markup, escape

from services.console.pages.reports.drawings import Drawing, Label, Line, Rect, Shape


def svg(drawing: Drawing, name: str) -> Markup:
    """The drawing; `name` makes its ids unique on the page."""
    head = Markup(
        '<svg class="chart" role="img" viewBox="0 0 {w:g} {h:g}" aria-labelledby="{n}-t {n}-d">'
        '<title id="{n}-t">{title}</title><desc id="{n}-d">{summary}</desc>'
    ).format(w=drawing.width, h=drawing.height, n=name, title=drawing.title, summary=drawing.summary)
    return head + Markup("").join(_shapes(drawing)) + Markup("</svg>")


def _shapes(drawing: Drawing) -> Iterator[Markup]:
    for shape in drawing.shapes:
        yield _shape(shape)


def _shape(shape: Shape) -> Markup:
    match shape:
        case Rect(x, y, width, height, ink, title):
            tooltip = Markup("<title>{}</title>").format(title) if title else Markup("")
            return Markup('<rect class="i-{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}">{}</rect>').format(
                ink.value, x, y, width, height, tooltip
            )
        case Line(x1, y1, x2, y2, ink, dashed):
            dash = Markup(' stroke-dasharray="5 3"') if dashed else Markup("")
            return Markup('<line class="l-{}" x1="{:.2f}" y1="{:.2f}" x2="{:.2f}" y2="{:.2f}"{}/>').format(
                ink.value, x1, y1, x2, y2, dash
            )
        case Label(x, y, text, anchor, ink):
            return Markup('<text class="t-{}" x="{:.2f}" y="{:.2f}" text-anchor="{}">{}</text>').format(
                ink.value, x, y, anchor, escape(text)
            )
