"""Renders every overlay once, where kustomize is there or can be built; elsewhere the tests say what is missing."""

import datetime as dt
import os
from collections.abc import Mapping

import pytest

from tests.k8s.rendered.overlay import Overlay
from tools.manifests.overlays import OVERLAYS, ToolMissing, copy_of_deploy, manifests_in, program, rendered

REQUIRED = "GATEWAY_K8S_REQUIRED"
"""Set by `make k8s`, in which nothing may be left out."""


@pytest.fixture(scope="session")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Overlay]:
    """Every overlay by its name."""
    try:
        program("kustomize")
    except ToolMissing as missing:
        if os.environ.get(REQUIRED):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    k8s = copy_of_deploy(tmp_path_factory.mktemp("deploy"), dt.datetime.now(dt.UTC))
    return {name: Overlay(name, manifests_in(rendered(k8s, name))) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, overlays: Mapping[str, Overlay]) -> Overlay:
    """One overlay: each test runs on every one of them."""
    return overlays[request.param]
