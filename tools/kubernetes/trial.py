"""`run_gateway`: the gateway on a cluster for somebody who tries it, with addresses on this machine, until Ctrl-C."""

import asyncio
from collections.abc import Mapping
from typing import Final

from tools.kubernetes.binary import kubernetes_binary
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.gateway import GatewayDeployment, build_images
from tools.kubernetes.preflight import require_machine
from tools.kubernetes.relay import listen, relay

PORTS: Final = {
    "GATEWAY_PORT": 8080,
    "GATEWAY_CONSOLE_PORT": 8090,
    "GATEWAY_SIMULATOR_PORT": 8081,
    "GATEWAY_MEDIA_PORT": 8082,
}
"""The ports of 127.0.0.1, by the variable that names another one."""
SERVICES: Final = {
    "GATEWAY_PORT": ("ingress", 80),
    "GATEWAY_CONSOLE_PORT": ("console", 8090),
    "GATEWAY_SIMULATOR_PORT": ("simulator", 8080),
    "GATEWAY_MEDIA_PORT": ("media", 80),
}
"""Where each of them leads."""


async def run_gateway(cluster: Cluster, environ: Mapping[str, str], *, nodes: int) -> None:
    """Start everything, say how to use it, and end everything when cancelled. Raises ClusterFailed."""
    ports = {name: int(environ.get(name, port)) for name, port in PORTS.items()}
    listeners = {name: listen(port) for name, port in ports.items()}
    settings = {
        "GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{ports['GATEWAY_PORT']}",
        "GATEWAY_MEDIA_URL": f"http://127.0.0.1:{ports['GATEWAY_MEDIA_PORT']}",
    }
    deployment = GatewayDeployment(cluster, settings=settings)
    await require_machine(environ)
    print("Building Kubernetes and the images; the first time this takes minutes.", flush=True)
    await asyncio.gather(kubernetes_binary(environ), build_images(deployment.images))
    async with Cluster.running(environ, nodes=nodes):
        print("Kubernetes is up. Starting the gateway …", flush=True)
        await cluster.start_dns()
        await start_gateway(deployment)
        targets = {
            listeners[name]: (await deployment.address(service), port) for name, (service, port) in SERVICES.items()
        }
        print(startup_message(deployment.secret("admin-token"), ports), flush=True)
        await relay(cluster.layout, targets)


async def start_gateway(deployment: GatewayDeployment) -> None:
    """Give the cluster the images, apply the overlay, and wait until all is Ready."""
    await asyncio.gather(deployment.load_images(), deployment.make_secrets())
    await deployment.apply()
    await deployment.wait_until_ready()


def startup_message(admin_token: str, ports: Mapping[str, int]) -> str:
    """How to use the running gateway."""
    console = f"http://127.0.0.1:{ports['GATEWAY_CONSOLE_PORT']}"
    return (
        "The gateway runs on Kubernetes.\n"
        f"  3CX webhooks       http://127.0.0.1:{ports['GATEWAY_PORT']}/integrations/3cx/webhook/<integration id>\n"
        f"  Operators' API     {console}/api/v1\n"
        f"  Admin token        {admin_token}\n"
        f"  WhatsApp simulator http://127.0.0.1:{ports['GATEWAY_SIMULATOR_PORT']}\n"
        f"  Links to files     http://127.0.0.1:{ports['GATEWAY_MEDIA_PORT']}/media/<token>\n"
        f"  Try it             curl -H 'Authorization: Bearer {admin_token}' {console}/api/v1/accounts\n"
        "  Look at it         .venv/bin/python -m tools.kubernetes kubectl -n whatsapp-gateway get pods\n"
        "Ctrl-C ends everything."
    )
