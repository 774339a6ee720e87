"""Which ports a stack listens on: the documented ones where they are free, any others where they are not."""

import random
import socket
from collections.abc import Mapping

DOCUMENTED = {
    "GATEWAY_PORT": 8080,
    "GATEWAY_CONSOLE_PORT": 8090,
    "GATEWAY_INGRESS_METRICS_PORT": 9101,
    "GATEWAY_POLICY_METRICS_PORT": 9102,
    "GATEWAY_SENDER_METRICS_PORT": 9103,
    "GATEWAY_AUDIT_METRICS_PORT": 9104,
    "GATEWAY_CONSOLE_METRICS_PORT": 9105,
}

LOWEST, HIGHEST = 10_000, 19_999
"""Below the range from which systems take the ports of outgoing connections, and beside that of our broker nodes: while
a killed process is down nobody else is handed its port, and no caller can end up connected to itself."""
_handed_out: set[int] = set()


class PortTaken(Exception):  # noqa: N818 -- reads as the fact it states
    """A port that was asked for by name is in use."""


def free_port() -> int:
    """A port that nothing listens on right now, and that stays free while a process that has it is started again."""
    while True:
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 -- chance, not a secret
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port


def is_free(port: int) -> bool:
    """True when we could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_for(name: str, environ: Mapping[str, str], *, documented: bool) -> int:
    """The port of a setting: the one asked for, else the documented one if that is wanted and free, else any.

    Raises PortTaken when the one asked for is in use.
    """
    if name in environ:
        asked = int(environ[name])
        if asked and not is_free(asked):
            raise PortTaken(f"{name}={asked} is in use by another program; set {name} to a free port.")
        return asked or free_port()
    if documented and is_free(DOCUMENTED[name]):
        return DOCUMENTED[name]
    return free_port()
