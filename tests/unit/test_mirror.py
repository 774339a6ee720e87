"""Tests mirror modules: the test of a module is found by the module's name, or in the table below.

A module's test is `test_<module>.py`, or `test_<module>_<aspect>.py`; a small package's is named after the package. A
module with a test through its neighbour stands in `TESTED_THROUGH`. Write a test of its own before you add a row.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DECIDES: Final = (
    ast.If,
    ast.IfExp,
    ast.Match,
    ast.BoolOp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.comprehension,
)
"""What makes a module one with logic. Constants, data classes and straight lines of calls need no test of their own."""
TESTED_THROUGH: Final[dict[str, tuple[str, ...]]] = {
    # Only a broker shows what they do.
    "tests/integration/chassis/test_reconnects.py": (
        "libs/chassis/amqp/declarations.py",
        "libs/chassis/amqp/exclusive_consumer.py",
        "libs/chassis/amqp/faults.py",
    ),
    "tests/integration/chassis/test_queue_consumer.py": (
        "libs/chassis/amqp/confirmed_publishes.py",
        "libs/chassis/amqp/consumer_handle.py",
    ),
    "tests/integration/chassis/test_fair_share.py": ("libs/chassis/amqp/shared_deliveries.py",),
    "tests/integration/chassis/test_processes.py": ("libs/chassis/runtime.py",),
    "tests/unit/chassis/amqp/test_envelope.py": ("libs/chassis/subscriptions.py",),
    # Values of a contract: one suite runs against all that use them.
    "tests/contract/wire/test_catalogue.py": ("libs/contracts/results.py",),
    "tests/contract/providers/test_provider.py": (
        "libs/providers/inbound.py",
        "libs/providers/outgoing.py",
        "libs/providers/parts.py",
    ),
    # Only a server, a provider and a caller show what they do together.
    "tests/integration/media_links/test_media_links_opened.py": (
        "services/sender/domain/inbound_files.py",
        "services/sender/handlers/media_access.py",
        "services/sender/handlers/media_downloads.py",
    ),
    "tests/contract/store/test_consents.py": ("libs/store/consent_rows.py",),
    "tests/contract/store/test_imports.py": (
        "services/console/handlers/earlier_erasures.py",
        "services/console/handlers/import_batches.py",
    ),
    "tests/unit/console/test_access_log.py": ("services/console/domain/repeated_reads.py",),
    "tests/unit/policy/test_consent_ledger.py": ("services/policy/handlers/handle_consent.py",),
    "tests/contract/store/test_chains.py": ("libs/store/chain_links.py",),
    "tests/contract/store/test_factory.py": ("libs/store/store.py",),
    "tests/contract/store/test_killed_backups.py": ("libs/store/backup_retention.py",),
    "tests/unit/console/test_erasures.py": ("services/console/handlers/erasure_steps.py",),
    "tests/unit/console/test_subject_exports.py": (
        "services/console/domain/subject_information.py",
        "services/console/handlers/subject_records.py",
    ),
    "tests/contract/store/test_purges.py": ("services/audit/handlers/purge_clock.py",),
    # A request, its decision and its effect: the test plays all of it over HTTP.
    "tests/unit/console/test_approvals.py": (
        "services/console/domain/account_edits.py",
        "services/console/handlers/account_approvals.py",
        "services/console/handlers/approval_effects.py",
        "services/console/handlers/resume_approvals.py",
        "services/console/handlers/second_person.py",
        "services/console/handlers/token_holders.py",
    ),
    "tests/unit/console/test_erasure_approvals.py": ("services/console/handlers/erasure_allowance.py",),
    "tests/contract/store/test_scheduled_verification.py": ("services/console/handlers/verification_results.py",),
    "tests/contract/store/test_restrictions.py": (
        "libs/store/restriction_events.py",
        "libs/store/restriction_rows.py",
    ),
    "tests/unit/policy/test_customer_contacts.py": ("libs/store/contacts.py",),
    # Parts of one algorithm: the test plays the whole of it.
    "tests/unit/record/test_log_verifier.py": (
        "libs/record/log_entries.py",
        "libs/record/log_exports.py",
        "libs/record/log_starts.py",
    ),
    "tests/contract/store/test_incremental_log.py": ("libs/record/logged_chains.py",),
    "tests/unit/record/test_signed_notes.py": ("libs/record/log_checkpoints.py",),
    "tests/contract/store/test_cumulative_log.py": (
        "libs/store/log_derivation.py",
        "libs/store/log_verification.py",
        "services/audit/handlers/log_growth.py",
        "services/audit/handlers/log_sequencer.py",
        "services/audit/handlers/log_signer.py",
    ),
    "tests/contract/store/test_log_tiles.py": (
        "services/audit/handlers/log_round.py",
        "services/audit/handlers/log_witnesses.py",
    ),
    "tests/unit/witness/test_witness_server.py": (
        "libs/record/witness_requests.py",
        "services/audit/adapters/log_witnesses.py",
    ),
    "tests/unit/record/test_chain_verifier.py": ("libs/record/diagnosis.py", "libs/record/faults.py"),
    "tests/unit/audit/test_signer_memory.py": (
        "services/audit/handlers/extensions.py",
        "services/audit/handlers/signer_reset.py",
    ),
    "tests/unit/audit/test_records.py": ("services/audit/domain/values.py", "services/audit/handlers/new_customers.py"),
    "tests/unit/policy/test_content_score.py": (
        "services/policy/domain/content_policy.py",
        "services/policy/domain/disguises.py",
        "services/policy/domain/phrases.py",
    ),
    "tests/unit/policy/test_prepared_words.py": ("services/policy/handlers/prepare_words.py",),
    "tests/unit/policy/test_rules.py": ("services/policy/domain/facts.py",),
    "tests/unit/policy/test_decide_webhook.py": (
        "services/policy/handlers/decision_events.py",
        "services/policy/handlers/gather_facts.py",
    ),
    "tests/unit/policy/test_decide_webhook_customers.py": ("services/policy/handlers/find_customer.py",),
    "tests/unit/policy/test_link_identity.py": ("services/policy/handlers/hold_identity.py",),
    "tests/unit/policy/test_handle_preference.py": ("services/policy/domain/consent_changes.py",),
    "tests/unit/policy/test_content_form.py": (
        "services/policy/domain/message_parts.py",
        "services/policy/domain/template_values.py",
        "services/policy/handlers/find_quoted.py",
        "services/policy/handlers/gather_requests.py",
    ),
    "tests/unit/policy/test_notify_integrations.py": ("services/policy/domain/notifications.py",),
    "tests/unit/policy/test_restrictions.py": ("services/policy/handlers/customer_restrictions.py",),
    "tests/unit/ingress/dialects/test_samples.py": (
        "services/ingress/domain/dialects/creomate.py",
        "services/ingress/domain/dialects/detection.py",
        "services/ingress/domain/dialects/fields.py",
        "services/ingress/domain/dialects/generators.py",
        "services/ingress/domain/dialects/k2m.py",
        "services/ingress/domain/dialects/native.py",
    ),
    # An endpoint with its handler: the test posts to the endpoint.
    "tests/unit/ingress/test_threecx_webhooks_authentication.py": (
        "services/ingress/handlers/credentials.py",
        "services/ingress/handlers/reject_request.py",
    ),
    "tests/unit/ingress/test_threecx_webhooks_bad_input.py": ("services/ingress/handlers/refuse_request.py",),
    "tests/unit/ingress/test_provider_webhooks.py": ("services/ingress/handlers/receive.py",),
    "tests/unit/ingress/test_rate_limits.py": ("services/ingress/adapters/sqlite_windows.py",),
    "tests/unit/console/test_operations.py": (
        "services/console/domain/fields.py",
        "services/console/domain/integration_requests.py",
        "services/console/domain/integration_views.py",
        "services/console/handlers/integration_secrets.py",
    ),
    "tests/unit/cli/commands/test_policy.py": (
        "services/console/domain/simulations.py",
        "services/console/handlers/simulations.py",
    ),
    "tests/unit/console/test_number_secrets.py": ("services/console/domain/secrets.py",),
    "tests/unit/console/test_tokens.py": ("services/console/adapters/token_authenticator.py",),
    "tests/unit/console/test_dead_letters.py": ("services/console/handlers/dead_letter_customers.py",),
    "tests/unit/console/test_subjects.py": ("services/console/adapters/decrypted_records.py",),
    "tests/e2e/test_privacy.py": ("services/console/handlers/subject_dead_letters.py",),
    "tests/unit/console/test_customer_lookup.py": (
        "services/console/handlers/customer_keys.py",
        "services/console/handlers/linked_keys.py",
    ),
    "tests/unit/record/test_summary.py": ("libs/record/facets.py",),
    "tests/unit/console/reports/test_report_signer.py": ("libs/record/pdf_signatures.py",),
    "tests/unit/console/reports/test_monthly.py": (
        "services/console/adapters/report_folder.py",
        "services/console/adapters/report_webhook.py",
    ),
    "tests/integration/test_console_service.py": (
        "services/console/app/server.py",
        "services/console/app/wiring.py",
    ),
    "tests/integration/test_ingress_service.py": (
        "services/ingress/app/server.py",
        "services/ingress/app/wiring.py",
    ),
    "tests/e2e/test_messaging.py": (
        "services/sender/app/dependencies.py",
        "services/sender/app/jobs.py",
        "services/sender/app/server.py",
    ),
    # One delivery: the handler's test plays it from the claim to the answer.
    "tests/unit/sender/handlers/test_deliveries.py": (
        "services/sender/domain/results.py",
        "services/sender/handlers/delivery_progress.py",
        "services/sender/handlers/error_tables.py",
    ),
    "tests/unit/sender/handlers/test_replacements.py": (
        "services/sender/adapters/fallbacks.py",
        "services/sender/domain/fallbacks.py",
    ),
    "tests/unit/sender/handlers/test_restriction_checks.py": ("services/sender/domain/holds.py",),
    "tests/unit/sender/handlers/test_restrictions.py": (
        "services/sender/adapters/token_peers.py",
        "services/sender/handlers/added_restrictions.py",
        "services/sender/handlers/finished_calls.py",
    ),
    "tests/unit/sender/handlers/test_forwards.py": ("services/sender/handlers/forward_events.py",),
}
"""By the test that covers them: modules without a test of their name, by the reason in the comment above."""


@cache
def modules() -> tuple[str, ...]:
    """The product modules with logic."""
    return tuple(_with_logic())


def _with_logic() -> Iterator[str]:
    for folder in ("libs", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            if path.name not in {"__init__.py", "__main__.py"} and any(isinstance(n, DECIDES) for n in ast.walk(tree)):
                yield str(path.relative_to(ROOT))


TESTS: Final = frozenset(path.stem for path in (ROOT / "tests").rglob("test_*.py") if "chaos" not in path.parts)
"""Fault scenarios are named after faults, not modules."""
EXCEPTIONS: Final = {module: test for test, covered in TESTED_THROUGH.items() for module in covered}


@cache
def of_packages() -> frozenset[str]:
    """Names of tests, without those that belong to the module of exactly that name and to no package."""
    return TESTS - {f"test_{Path(module).stem}" for module in modules()}


def has_own_test(module: str) -> bool:
    """Whether a test file is named after the module or its package."""
    path = Path(module)
    names = (f"test_{path.stem}", f"test_{path.parent.name}")
    return any(name in TESTS or any(test.startswith(f"{name}_") for test in of_packages()) for name in names)


def test_every_module_with_logic_has_a_test_of_its_name_or_a_row_in_the_table() -> None:
    assert [module for module in modules() if not has_own_test(module) and module not in EXCEPTIONS] == []


@pytest.mark.parametrize("module", EXCEPTIONS)
def test_a_row_of_the_table_is_about_a_module_that_exists_and_has_no_other_test(module: str) -> None:
    assert (ROOT / module).is_file()
    assert not has_own_test(module), "remove the row: the module has a test of its name"


@pytest.mark.parametrize("test", TESTED_THROUGH)
def test_the_tests_in_the_table_exist(test: str) -> None:
    assert (ROOT / test).is_file()
