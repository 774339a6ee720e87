"""What an overlay refers to is defined in it, or known to be brought."""

from collections.abc import Iterator
from typing import Any

from tests.k8s.rendered.overlay import Overlay, name_of

BROUGHT = {
    "production": {
        "Secret gateway-ca", "Issuer gateway-ca", "ClusterIssuer letsencrypt", "SecretStore gateway",
        "GatewayClass envoy",
    },
    "dev": set(),
    "local": set(),
    "local-mongodb": set(),
}  # fmt: skip
"""What README.md of an overlay lists as the operator's to bring."""


def references_are_defined(overlay: Overlay) -> Iterator[str]:
    """Every Secret, SecretStore and Issuer that is referred to is in the overlay, or known to be brought."""
    defined = {name_of(each) for each in overlay.manifests}
    defined |= {f"Secret {each['spec']['target']['name']}" for each in overlay.of("ExternalSecret")}
    defined |= {f"Secret {each['spec']['secretName']}" for each in overlay.of("Certificate")}
    for reference, source in references(overlay):
        if reference not in defined | BROUGHT[overlay.name]:
            yield f"{source}: {reference} is not defined"


def references(overlay: Overlay) -> Iterator[tuple[str, str]]:
    """Each object that is referred to, with the one that does."""
    for each in overlay.manifests:
        source, spec = name_of(each), each.get("spec", {})
        for path, value in _leaves(spec):
            if path[-1] == "secretName" and each["kind"] != "Certificate":
                yield f"Secret {value}", source
            if path[-1] == "caSecretName" or path[-2:] in SECRET_NAMES or path[-3:-1] == ("sources", "secret"):
                yield f"Secret {value}", source
            if path[-1] == "name" and path[-2] in {"issuerRef", "secretStoreRef"}:
                kind = _at(spec, path[:-1]).get("kind", "Issuer")
                yield f"{kind} {value}", source
            if path[-1] == "gatewayClassName":
                yield f"GatewayClass {value}", source
        if each["kind"] == "TriggerAuthentication":
            yield from ((f"Secret {target['name']}", source) for target in spec["secretTargetRef"])


SECRET_NAMES = {
    ("secret", "name"), ("secretKeyRef", "name"), ("importCredentialsSecret", "name"), ("passwordSecretRef", "name"),
    ("certificateKeySecretRef", "name"), ("caCertificateSecretRef", "name"), ("certificateRefs", "name"),
    ("username", "name"), ("password", "name"),
}  # fmt: skip


def _leaves(value: Any, path: tuple[str, ...] = ("",) * 3) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with the keys that lead to it; places in lists are left out."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, path)
    else:
        yield path, value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path[3:]:
        value = value[0] if isinstance(value, list) else value
        value = value[key]
    return value


RULES = (references_are_defined,)
