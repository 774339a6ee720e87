"""What must hold of the edge: its limits stand above the gateway's own, so that callers get the gateway's answers."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from libs.providers.cloud_api import PROVIDER as CLOUD_API
from libs.providers.evolution import PROVIDER as EVOLUTION
from services.ingress.http.threecx_webhooks import MAX_BODY_BYTES
from services.ingress.settings import IngressSettings
from tests.k8s.rendered.overlay import Overlay
from tools.manifests.overlays import ROOT

LIMITS = tomllib.loads((ROOT / "deploy" / "edge" / "limits.toml").read_text("utf-8"))
"""The numbers of every edge."""
ROUTES: dict[str, dict[str, Any]] = {route["name"]: route for route in LIMITS["routes"]}
OWN = {
    "threecx": MAX_BODY_BYTES,
    "chat": MAX_BODY_BYTES,
    "whatsapp": CLOUD_API.endpoint.max_body,
    "evolution": EVOLUTION.endpoint.max_body,
    "media": 0,
}
"""The size of a body that ingress itself reads on each route."""
UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def edge_lets_the_gateway_answer(overlay: Overlay) -> Iterator[str]:
    """Its limits stand above ours, its idle time under ours, and it repeats nothing that was sent."""
    keep_alive = IngressSettings.model_fields["keep_alive_seconds"].default
    for name, route in ROUTES.items():
        edge = _envoy(overlay, name) if overlay.has("HTTPRoute", name) else _traefik(overlay, name)
        if edge is None:
            continue
        expected = {
            "path": edge["path"] == route["path"],
            "answer": edge["answer"] == route["answer"],
            "body": (edge["body"] == route["body"] or (name, edge["body"]) == ("media", 0))
            and route["body"] > OWN[name],
            "connect": edge["connect"] == LIMITS["connections"]["connect"],
            "idle": edge["idle"] == LIMITS["connections"]["idle"] < keep_alive,
            "retry": edge["retry"],
            "HSTS": edge["hsts"],
            "TLS": edge["tls"],
            "rate": edge["rate"] == LIMITS["callers"]["requests"],
        }
        yield from (f"edge, {name}: {what}" for what, holds in expected.items() if not holds)


def _envoy(overlay: Overlay, name: str) -> dict[str, Any]:
    rule = overlay.find("HTTPRoute", name)["spec"]["rules"][0]
    policy = overlay.find("BackendTrafficPolicy", name)["spec"]
    limit = str(policy["requestBuffer"]["limit"])
    headers = json.dumps(rule["filters"])
    return {
        "path": rule["matches"][0]["path"]["value"],
        "answer": _seconds(rule["timeouts"]["request"]),
        "connect": _seconds(policy["timeout"]["tcp"]["connectTimeout"]),
        "body": int(limit[:-2]) * UNITS[limit[-2:]],
        "idle": _seconds(policy["timeout"]["http"]["connectionIdleTimeout"]),
        "retry": policy["retry"] == {"numRetries": 1, "retryOn": {"triggers": ["connect-failure"]}},
        "hsts": "Strict-Transport-Security" in headers and f"max-age={LIMITS['tls']['hsts']}" in headers,
        "tls": overlay.find("ClientTrafficPolicy", "gateway")["spec"]["tls"]["minVersion"] == LIMITS["tls"]["minimum"],
        "rate": policy["rateLimit"]["local"]["rules"][0]["limit"]["requests"],
    }


def _traefik(overlay: Overlay, name: str) -> dict[str, Any] | None:
    if not overlay.has("IngressRoute", "gateway"):
        return None
    routes = overlay.find("IngressRoute", "gateway")["spec"]["routes"]
    route = next((each for each in routes if each["services"][0]["serversTransport"] == f"gateway-{name}"), None)
    if route is None:
        return None
    parts = [overlay.find("Middleware", each["name"])["spec"] for each in route["middlewares"]]
    spec = {key: value for part in parts for key, value in part.items()}
    transport = overlay.find("ServersTransport", f"gateway-{name}")["spec"]
    times = transport["forwardingTimeouts"]
    return {
        "path": re.findall(r"Path(?:Prefix)?\(`([^`]+)`\)", route["match"])[0],
        "answer": _seconds(times["responseHeaderTimeout"]),
        "connect": _seconds(times["dialTimeout"]),
        # Traefik's limit buffers answers too, and a file is not to lie on the edge's disk.
        "body": spec.get("buffering", {}).get("maxRequestBodyBytes", 0),
        "idle": _seconds(times["idleConnTimeout"]),
        # The first attempt counts, and Traefik never repeats a request whose headers it has sent.
        "retry": spec["retry"]["attempts"] == 2
        and set(spec["retry"]) == {"attempts", "initialInterval"}
        # Its transport repeats a GET by itself on a kept connection that ends; on this route a GET sends a message.
        and (name != "threecx" or transport.get("maxIdleConnsPerHost") == -1),
        "hsts": spec["headers"]["stsSeconds"] == LIMITS["tls"]["hsts"],
        "tls": overlay.find("TLSOption", "gateway")["spec"]["minVersion"] == "VersionTLS12",
        "rate": spec["rateLimit"]["average"],
    }


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def only_public_paths_are_routed(overlay: Overlay) -> Iterator[str]:
    """Webhooks to ingress, and links to files to sender; one kind of edge."""
    edges = [kind for kind in ("Ingress", "IngressRoute", "HTTPRoute") if next(overlay.of(kind), None) is not None]
    if len(edges) != 1:
        yield f"edges: {edges}"
    public = {route["path"] for route in ROUTES.values()}
    text = json.dumps([each["spec"] for each in overlay.of(*edges)])
    found = set(re.findall(r"/integrations/[\w/]+|/media/", text))
    if found != public:
        yield f"public paths: {sorted(found)}"
    if '"console"' in text:
        yield "console has a public route"


RULES = (
    edge_lets_the_gateway_answer,
    only_public_paths_are_routed,
)
