"""The shipped configurations of HAProxy and nginx have the numbers of limits.toml, which stand above ingress's own."""

import re
import tomllib
from typing import Any

import pytest

from services.ingress.settings import IngressSettings
from tools.stack.processes import ROOT

FOLDER = ROOT / "deploy" / "edge"
LIMITS = tomllib.loads((FOLDER / "limits.toml").read_text("utf-8"))
CONNECTIONS, CALLERS, TLS = LIMITS["connections"], LIMITS["callers"], LIMITS["tls"]
ROUTES: dict[str, dict[str, Any]] = {route["name"]: route for route in LIMITS["routes"]}
HAPROXY = (FOLDER / "haproxy.cfg").read_text("utf-8")
NGINX = (FOLDER / "nginx.conf").read_text("utf-8")
UNITS = {"k": 1024, "m": 1024**2}


def only(pattern: str, text: str) -> str:
    """The one value that a configuration gives, however often."""
    (found,) = set(re.findall(pattern, text, re.MULTILINE))
    return str(found)


def block(text: str, start: str, end: str) -> str:
    """A section of a configuration."""
    return text.split(start, 1)[1].split(end, 1)[0]


def test_haproxys_numbers_are_those_of_every_edge() -> None:
    defaults = block(HAPROXY, "\ndefaults", "\nfrontend")

    assert only(r"timeout connect (\d+)s", defaults) == str(CONNECTIONS["connect"])
    assert only(r"timeout http-keep-alive (\d+)s", defaults) == str(CONNECTIONS["idle"])
    assert only(r"^ +retries (\d+)$", defaults) == str(CONNECTIONS["retries"])
    assert only(r"retry-on (.+)$", defaults) == "conn-failure"
    assert only(r"timeout http-request (\d+)s", defaults) == str(CALLERS["headers"])
    assert only(r"timeout client (\d+)s", defaults) == str(CALLERS["body_pause"])
    assert only(r"http_req_rate\(0\) gt (\d+)", HAPROXY) == str(CALLERS["requests"])
    assert only(r"ssl-min-ver TLSv(\S+)", HAPROXY) == TLS["minimum"]
    assert only(r"max-age=(\d+)", HAPROXY) == str(TLS["hsts"])


@pytest.mark.parametrize("name", ROUTES)
def test_haproxys_routes_are_those_of_every_edge(name: str) -> None:
    route = ROUTES[name]

    assert only(rf"acl {name} path(?:_beg)? (\S+)", HAPROXY) == route["path"]
    assert ("path_beg" in only(rf"(acl {name} path\S*)", HAPROXY)) is route["prefix"]
    assert only(rf"if {name} {{ req.body_size gt (\d+) }}", HAPROXY) == str(route["body"])
    assert only(r"timeout server (\d+)s", block(HAPROXY + "\nbackend", f"\nbackend {name}\n", "\nbackend")) == str(
        route["answer"]
    )


def test_nginx_numbers_are_those_of_every_edge() -> None:
    assert only(r"proxy_connect_timeout (\d+)s", NGINX) == str(CONNECTIONS["connect"])
    assert only(r"^ +keepalive_timeout (\d+)s", NGINX) == str(CONNECTIONS["idle"])
    assert only(r"proxy_next_upstream_tries (\d+)", NGINX) == str(1 + CONNECTIONS["retries"])
    assert only(r"client_header_timeout (\d+)s", NGINX) == str(CALLERS["headers"])
    assert only(r"client_body_timeout (\d+)s", NGINX) == str(CALLERS["body_pause"])
    assert only(r"rate=(\d+)r/s", NGINX) == str(CALLERS["requests"])
    assert only(r"ssl_protocols TLSv(\S+)", NGINX) == TLS["minimum"]
    assert only(r"max-age=(\d+)", NGINX) == str(TLS["hsts"])


@pytest.mark.parametrize("name", ROUTES)
def test_nginx_routes_are_those_of_every_edge(name: str) -> None:
    route = ROUTES[name]
    section = block(NGINX, f"location {'^~' if route['prefix'] else '='} {route['path']} {{", "\n        }")

    size = only(r"client_max_body_size (\w+);", section)
    assert int(size[:-1]) * UNITS[size[-1]] == route["body"]
    assert only(r"proxy_read_timeout (\d+)s", section) == str(route["answer"])


def test_every_edge_waits_longer_and_keeps_connections_shorter_than_ingress() -> None:
    own = {name: field.default for name, field in IngressSettings.model_fields.items()}

    assert CONNECTIONS["idle"] < own["keep_alive_seconds"]
    assert CALLERS["body_pause"] > own["body_timeout"]
    assert all(route["answer"] > own["reply_timeout"] for route in ROUTES.values())
