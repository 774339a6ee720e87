"""Ports of a stack: the documented ones when they are free, others when they are not."""

import random
import socket
from collections.abc import Mapping
from types import MappingProxyType

DOCUMENTED = {
    "GATEWAY_PORT": 8080,
    "GATEWAY_MEDIA_PORT": 8081,
    "GATEWAY_CONSOLE_PORT": 8090,
    "GATEWAY_INGRESS_METRICS_PORT": 9101,
    "GATEWAY_POLICY_METRICS_PORT": 9102,
    "GATEWAY_SENDER_METRICS_PORT": 9103,
    "GATEWAY_AUDIT_METRICS_PORT": 9104,
    "GATEWAY_CONSOLE_METRICS_PORT": 9105,
}

LOWEST, HIGHEST = 10_000, 19_999
"""Below the range of ephemeral ports and separate from the range of the broker nodes, so that no other process gets the
port of a process that is being restarted, and no caller connects to itself."""
_allocated: set[int] = set()


class PortInUse(Exception):  # noqa: N818 -- reads as the fact it states
    """The port in a setting is in use."""


def free_port() -> int:
    """A port that nothing listens on, and that this process has not returned before."""
    while True:
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 -- chance, not a secret
        if port not in _allocated and is_free(port):
            _allocated.add(port)
            return port


def is_free(port: int) -> bool:
    """True when the port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_for(
    name: str, environ: Mapping[str, str], *, documented: bool, kept: Mapping[str, int] = MappingProxyType({})
) -> int:
    """The port of a setting: the one asked for, else the one of the run before, else the documented one, else any.

    Of the last three, one that is in use is passed over; `documented` says whether the third is wanted. Raises
    PortInUse when the one asked for is in use.
    """
    if name in environ:
        requested = int(environ[name])
        if requested and not is_free(requested):
            raise PortInUse(f"{name}={requested} is in use by another program; set {name} to a free port.")
        return requested or free_port()
    if name in kept and is_free(kept[name]):
        _allocated.add(kept[name])
        return kept[name]
    if documented and is_free(DOCUMENTED[name]):
        return DOCUMENTED[name]
    return free_port()
