"""`make run`: run the whole gateway in the foreground until Ctrl-C; a process that ends is started again."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from tools.broker import BrokerFailed, BrokerMissing
from tools.stack.ports import PortInUse
from tools.stack.processes import StartFailed
from tools.stack.stack import SERVICES, Stack, StackPlan

WATCH_SECONDS = 1.0


def plan_from(environ: Mapping[str, str], without: Collection[str]) -> StackPlan:
    """The plan of `make run`: documented ports, state in GATEWAY_DATA_DIR, no processes of the `without` services."""
    data_dir, replicas = Path(environ.get("GATEWAY_DATA_DIR", "var")), dict.fromkeys(without, 0)
    return StackPlan(data_dir=data_dir, environ=dict(environ), replicas=replicas, documented_ports=True)


def startup_message(stack: Stack) -> str:
    """The addresses, the admin token and the data directory of a started gateway."""
    folder = stack.plan.data_dir
    token = stack.admin_token if "GATEWAY_ADMIN_TOKEN" in stack.new_secrets else f"in {folder}/secrets/admin_token"
    simulator = f"  WhatsApp simulator {stack.whatsapp_url}\n" if stack.simulator else ""
    return (
        "The gateway is running.\n"
        f"  3CX webhooks       {stack.ingress_url}/integrations/3cx/webhook/<integration id>\n"
        f"  Operators' API     {stack.console_url}/api/v1\n"
        f"  Admin token        {token}\n"
        f"{simulator}"
        f"  Logs and data      {folder}\n"
        "Ctrl-C stops everything."
    )


async def run(environ: Mapping[str, str], without: Collection[str]) -> None:
    """Start the gateway and restart ended processes until a signal arrives."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    start_task = asyncio.current_task()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: start_task.cancel() if start_task and not stop.is_set() else None)
    stack = Stack(plan_from(environ, without))
    try:
        async with stack:
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stop.set)
            print(startup_message(stack), flush=True)
            await _restart_ended(stack, stop)
            print("Stopping …", flush=True)
    except asyncio.CancelledError:
        print("Stopped during the start.", flush=True)


async def _restart_ended(stack: Stack, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for process in stack.processes:
            if not process.running:
                print(f"{process.name} ended with {process.exit_code}, restarting it; see {process.log}", flush=True)
                process.start()
        try:
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
        except TimeoutError:
            continue


def main() -> None:
    """Run the gateway; when it cannot start, exit with one sentence that names the reason."""
    parser = argparse.ArgumentParser(prog="python -m tools.stack", description=__doc__)
    parser.add_argument("--without", choices=SERVICES, action="append", default=[], help="do not start this service")
    without = parser.parse_args().without
    try:
        asyncio.run(run(os.environ, without))
    except (BrokerFailed, BrokerMissing, PortInUse, StartFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
