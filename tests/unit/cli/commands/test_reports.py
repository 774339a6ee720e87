"""`gateway reports`."""

import base64
from pathlib import Path

import pytest

from libs.record.keys import SigningKey
from services.console.adapters.report_signer import ReportSigner
from services.console.domain.reports.requests import Format
from services.console.pages.reports.csv_renderer import CsvRenderer
from services.console.pages.reports.html_renderer import HtmlRenderer
from services.console.pages.reports.json_renderer import JsonRenderer
from services.console.pages.reports.pdf_renderer import PdfRenderer
from services.console.ports import ReportRenderer
from tests.unit.cli.shell import Shell
from tests.unit.console.reports.samples import a_report
from tools.cli.console_client import ExitCode


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF"), ("html", b"<!doctype"), ("csv", b"\xef\xbb\xbf")])
async def test_a_report_is_written_to_a_file(shell: Shell, tmp_path: Path, form: str, begins: bytes) -> None:
    account = await shell.world.account()
    file = tmp_path / f"report.{form}"
    period = ("--from", "2026-11-01", "--to", "2026-11-24")

    code, out, _ = await shell("reports", "compliance", account["id"], *period, "--format", form, "--output", str(file))

    assert code is ExitCode.DONE
    assert file.read_bytes().startswith(begins)
    assert str(file) in out


async def test_a_report_that_is_refused_says_which_field(shell: Shell) -> None:
    account = await shell.world.account()

    code, _, err = await shell("reports", "compliance", account["id"], "--from", "2026-11-02", "--to", "2026-11-01")

    assert code is ExitCode.REFUSED
    assert "to: must be after" in err


KEY = SigningKey("k1", bytes(range(32)))
KEYS = f"k1:public:{base64.b64encode(KEY.public).decode()}"


@pytest.mark.parametrize("form", ["json", "csv", "html", "pdf"])
async def test_a_report_of_each_form_is_verified_offline_and_a_changed_one_is_refused(
    shell: Shell, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "report"
    file.write_bytes(signed(form))

    assert await shell.json("reports", "verify", str(file), "--keys", KEYS) == {
        "file": str(file),
        "ok": True,
        "problem": None,
    }

    file.write_bytes(signed(form).replace(b"Acme", b"Evil", 1) if form != "pdf" else signed(form)[:-9])
    code, _, err = await shell("reports", "verify", str(file), "--keys", KEYS)
    assert code is ExitCode.REFUSED
    assert "not genuine" in err


def signed(form: str) -> bytes:
    """A report as the console hands it out."""
    renderers: dict[str, ReportRenderer] = {
        "json": JsonRenderer(),
        "csv": CsvRenderer(),
        "html": HtmlRenderer(),
        "pdf": PdfRenderer(),
    }
    sign = ReportSigner(KEY)
    return sign.document(Format(form), renderers[form].content(sign(a_report(name="Acme", business_name="Acme"))))


async def test_a_file_that_is_no_report_is_refused(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("{")

    code, _, err = await shell("reports", "verify", str(file), "--keys", KEYS)

    assert code is ExitCode.REFUSED
    assert "read as JSON" in err
    assert (await shell("reports", "verify", str(tmp_path / "none"), "--keys", KEYS))[0] is ExitCode.USAGE
