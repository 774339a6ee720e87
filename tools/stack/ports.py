"""Which ports a stack listens on: the documented ones where they are free, any others where they are not."""

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


class PortTaken(Exception):  # noqa: N818 -- reads as the fact it states
    """A port that was asked for by name is in use."""


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
