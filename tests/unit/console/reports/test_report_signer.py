import base64

from libs.record.keys import PublicKey, SigningKey
from services.console.adapters.report_signer import ReportSigner
from services.console.domain.reports.builder import digest_of
from tests.unit.console.reports.samples import a_report

KEY = SigningKey("k1", bytes(range(32)))
PUBLIC = PublicKey("k1", KEY.public)


def test_a_report_is_checked_with_nothing_but_itself_and_the_public_key() -> None:
    report = a_report()

    proof = ReportSigner(KEY)(report.proof)

    assert (proof.key_id, proof.sha256) == ("k1", digest_of(report))
    message = b"whatsapp-gateway report 1\n" + digest_of(report).encode()
    assert PUBLIC.verifies(message, base64.b64decode(proof.signature or ""))


def test_other_figures_are_not_what_was_signed() -> None:
    proof = ReportSigner(KEY)(a_report().proof)

    other = b"whatsapp-gateway report 1\n" + digest_of(a_report(())).encode()

    assert not PUBLIC.verifies(other, base64.b64decode(proof.signature or ""))


def test_a_copy_with_another_figure_has_another_digest_and_one_made_later_the_same() -> None:
    report = a_report()
    altered = report.model_copy(update={"policy": report.policy.model_copy(update={"flagged": 99})})
    later = report.model_copy(update={"generated_by": "somebody else", "verification": report.verification})

    assert digest_of(altered) != digest_of(report) == digest_of(later)
