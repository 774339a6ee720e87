"""Renders a report as one HTML page with embedded styles and charts, without scripts or external resources."""

import base64
import hashlib
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.console.domain.reports.model import ComplianceReport
from services.console.pages.reports.outline import outline_from
from services.console.pages.reports.svg import svg

FOLDER = Path(__file__).parent


class HtmlRenderer:
    """`ReportRenderer`."""

    media_type = "text/html; charset=utf-8"

    @cached_property
    def _style(self) -> str:
        return (FOLDER / "report.css").read_text("utf-8")

    @cached_property
    def _environment(self) -> Environment:
        loader = FileSystemLoader(FOLDER)
        return Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    @property
    def content_security_policy(self) -> str:
        """Allows the page its own style and nothing else."""
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"

    def content(self, report: ComplianceReport) -> bytes:
        """The page."""
        template = self._environment.get_template("report.html.j2")
        page = template.render(outline=outline_from(report), report=report, style=Markup(self._style), svg=svg)  # noqa: S704 -- a file of this package
        return page.encode()
