"""What must hold of settings and secrets: each service's own Settings accept the environment that its pods get."""

import base64
import importlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from libs.chassis.settings import PREFIX, ServiceSettings, Settings, SettingsError
from tests.k8s.rendered.overlay import SERVICES, Overlay, batch_of, container_of, name_of, pod_of
from tools.cli.commands.backup import BackupSettings
from tools.cli.commands.declare import DeclareSettings
from tools.cli.commands.migrate import MigrateSettings
from tools.event_keys import new_event_keys
from tools.manifests.secrets import CA_FILE, GENERATORS

PASSWORD = "a-password"
NOT_OURS = ("gateway-ca", "rabbitmq-tls", "gateway-tls", "mongodb-tls")
FILES = re.compile(r"^/run/secrets/gateway/([a-z.-]+)$")


def settings_of(name: str) -> type[Settings]:
    """The class that reads a service's or a Job's environment."""
    of_jobs: dict[str, type[Settings]] = {
        "declare": DeclareSettings,
        "migrate": MigrateSettings,
        "backup": BackupSettings,
    }
    if name in of_jobs:
        return of_jobs[name]
    module = importlib.import_module(f"services.{name}.settings")
    return next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ServiceSettings) and each is not ServiceSettings
    )


def secret_values(overlay: Overlay) -> dict[str, dict[str, str]]:
    """What each Secret will hold: as it is rendered, or as External Secrets makes it out of a vault."""
    found = {
        each["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in each["data"].items()}
        for each in overlay.of("Secret")
    }
    for each in overlay.of("ExternalSecret"):
        target = each["spec"]["target"]
        templates = target["template"].get("data")
        samples = {data["secretKey"]: _sample(each["metadata"]["name"], data) for data in each["spec"]["data"]}
        found[target["name"]] = samples if templates is None else {k: _filled(v) for k, v in templates.items()}
    return found


def _filled(template: str) -> str:
    return re.sub(r"\{\{ \.password( \| urlquery)? \}\}", PASSWORD, template)


def _sample(secret: str, data: Mapping[str, Any]) -> str:
    key = data["secretKey"]
    if key == "event-keys":
        return new_event_keys()[secret.rpartition("-")[2]]
    return GENERATORS[key]() if key in GENERATORS else PASSWORD


def environment(overlay: Overlay, workload: Mapping[str, Any], ca: Path) -> tuple[dict[str, str], list[str]]:
    """The environment of a workload's container with the content of its files, and what is wrong with them."""
    container, problems = container_of(workload), list[str]()
    environ: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        environ |= overlay.find("ConfigMap", source["configMapRef"]["name"])["data"]
    for each in container.get("env", ()):
        environ[each["name"]] = each.get("value", "a-pod-7d9f8-x2x4z")
    files = _files(overlay, workload, problems)
    for name, path in [(n, v) for n, v in environ.items() if n.startswith(PREFIX) and n.endswith("_FILE")]:
        match = FILES.match(path)
        if match is None or match[1] not in files:
            problems.append(f"{name}: nothing is mounted at {path}")
        else:
            environ[name.removesuffix("_FILE")] = files[match[1]].replace(CA_FILE, str(ca))
            del environ[name]
    return environ, problems


def _files(overlay: Overlay, workload: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    values, files = secret_values(overlay), dict[str, str]()
    volumes = [volume for volume in pod_of(workload)["volumes"] if volume["name"] == "secrets"]
    for source in (source["secret"] for volume in volumes for source in volume["projected"]["sources"]):
        held = values.get(source["name"])
        if held is None and not is_brought(source["name"]):
            problems.append(f"Secret {source['name']} is not defined")
        for item in source["items"]:
            if held is not None and item["key"] not in held:
                problems.append(f"Secret {source['name']} has no key {item['key']}")
            files[item["path"]] = (held or {}).get(item["key"], "")
    return files


def is_brought(secret: str) -> bool:
    """A Secret that cert-manager or a person makes."""
    return secret in NOT_OURS


def services_accept_their_settings(overlay: Overlay) -> Iterator[str]:
    """No typo, no value out of range, no missing key, no URL that cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        ca = Path(folder, "ca.crt")
        ca.write_text("a certificate")
        for name, workload in (overlay.services | batch_of(overlay)).items():
            environ, problems = environment(overlay, workload, ca)
            yield from (f"{name}: {problem}" for problem in problems)
            try:
                settings_of(name).from_environ(environ)
            except SettingsError as error:
                yield f"{name}: {error}"


def every_setting_exists(overlay: Overlay) -> Iterator[str]:
    """A setting of the shared ConfigMap belongs to some service; one of a pod's own to that service."""
    every = {f"{PREFIX}{field.upper()}" for name in SERVICES for field in settings_of(name).model_fields}
    for name in overlay.find("ConfigMap", "gateway-settings")["data"]:
        if name not in every:
            yield f"gateway-settings: {name}"
    for service, workload in (overlay.services | batch_of(overlay)).items():
        own = {f"{PREFIX}{field.upper()}" for field in settings_of(service).model_fields}
        for each in container_of(workload)["env"]:
            if each["name"].startswith(PREFIX) and each["name"].removesuffix("_FILE") not in own:
                yield f"{service}: {each['name']}"


def no_secret_is_in_the_environment(overlay: Overlay) -> Iterator[str]:
    """Every secret is a file: an environment shows in crash dumps and to whoever may describe a pod."""
    secret = {
        f"{PREFIX}{name.upper()}"
        for service in SERVICES
        for name, info in settings_of(service).model_fields.items()
        if "SecretStr" in str(info.annotation) and info.is_required()
    }
    for workload in overlay.workloads:
        container = container_of(workload)
        for each in container.get("env", ()):
            if each["name"] in secret or "secretKeyRef" in each.get("valueFrom", {}):
                yield f"{name_of(workload)}: {each['name']}"
        if any("secretRef" in source for source in container.get("envFrom", ())):
            yield f"{name_of(workload)}: envFrom a Secret"
    for name in overlay.find("ConfigMap", "gateway-settings")["data"]:
        if name in secret:
            yield f"gateway-settings: {name}"


def every_setting_is_given(overlay: Overlay) -> Iterator[str]:
    """The name of the replica, the two of the runtime, and what has no right default in a cluster."""
    shared = overlay.find("ConfigMap", "gateway-settings")["data"]
    for name, deployment in overlay.services.items():
        given = {each["name"]: each for each in container_of(deployment)["env"]}
        if given["GATEWAY_REPLICA"].get("valueFrom") != {"fieldRef": {"fieldPath": "metadata.name"}}:
            yield f"{name}: GATEWAY_REPLICA"
        if given["PROMETHEUS_DISABLE_CREATED_SERIES"]["value"] != "True" or given["MALLOC_ARENA_MAX"]["value"] != "2":
            yield f"{name}: settings of the runtime"
    yield from (f"{name} is not set" for name in ("GATEWAY_PUBLIC_URL", "GATEWAY_ENVIRONMENT") if name not in shared)
    has_edge = overlay.has("IngressRoute", "gateway") or overlay.has("Gateway", "gateway")
    if has_edge and "GATEWAY_TRUSTED_PROXIES" not in shared:
        yield "GATEWAY_TRUSTED_PROXIES is not set: every integration with an allowlist is refused"


RULES = (
    services_accept_their_settings,
    every_setting_exists,
    no_secret_is_in_the_environment,
    every_setting_is_given,
)
