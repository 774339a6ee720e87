"""What a service loads at its start: each library costs memory in every process."""

import importlib
import subprocess
import sys

import pytest

from libs.chassis.structured_log import without

LATER = {
    "rich",
    "pygments",
    "reportlab",
    "PIL",
    "pyhanko",
    "rfc3161_client",
    "cryptography.x509",
    "opentelemetry.exporter",
    "pymongo",
    "motor",
}
"""What terminals, PDFs, timestamps, traces and the other store need. It is loaded with its first use."""


@pytest.mark.parametrize("service", ["ingress", "policy", "sender", "audit", "console"])
def test_a_service_starts_without_libraries_of_what_is_used_seldom(service: str) -> None:
    script = f"import sys, services.{service}.__main__; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())

    assert f"services.{service}.settings" in loaded
    assert loaded & LATER == set()


def test_a_package_is_absent_for_the_length_of_the_block_alone() -> None:
    loaded = importlib.import_module("json")

    with without("json"), pytest.raises(ImportError):
        importlib.import_module("json")

    assert importlib.import_module("json") is loaded
