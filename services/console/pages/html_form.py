"""The report as one HTML page: styles and charts inside, no script, nothing from a network."""

import base64
import hashlib
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.console.domain.reporting.figures import ComplianceReport
from services.console.pages.outline import outline_of
from services.console.pages.svg import svg

FOLDER = Path(__file__).parent


class HtmlForm:
    """`Renders`."""

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
    def policy(self) -> str:
        """The page may use its own style and nothing else."""
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"

    def content(self, report: ComplianceReport) -> bytes:
        """The page."""
        template = self._environment.get_template("report.html.j2")
        page = template.render(outline=outline_of(report), report=report, style=Markup(self._style), svg=svg)  # noqa: S704 -- our own file
        return page.encode()
