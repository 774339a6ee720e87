"""`make run`: the whole gateway in the foreground until Ctrl-C; what dies is started again."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.broker import BrokerFailed, BrokerMissing
from tools.stack.ports import PortTaken
from tools.stack.processes import StartFailed
from tools.stack.stack import Stack, StackPlan

WATCH_SECONDS = 1.0


def plan_from(environ: Mapping[str, str]) -> StackPlan:
    """The plan of `make run`: documented ports, state in GATEWAY_DATA_DIR."""
    return StackPlan(
        data_dir=Path(environ.get("GATEWAY_DATA_DIR", "var")), environ=dict(environ), documented_ports=True
    )


def told(stack: Stack) -> str:
    """What somebody who just started the gateway wants to know."""
    where = stack.plan.data_dir
    token = stack.admin_token if "GATEWAY_ADMIN_TOKEN" in stack.fresh_secrets else f"in {where}/secrets/admin_token"
    simulated = f"  WhatsApp simulator {stack.whatsapp_url}\n" if stack.simulator else ""
    return (
        "The gateway is running.\n"
        f"  3CX webhooks       {stack.ingress_url}/integrations/3cx/webhook/<integration id>\n"
        f"  Operators' API     {stack.console_url}/api/v1\n"
        f"  Admin token        {token}\n"
        f"{simulated}"
        f"  Logs and data      {where}\n"
        "Ctrl-C stops everything."
    )


async def run(environ: Mapping[str, str]) -> None:
    """Start, tell, and keep alive until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: starting.cancel() if starting and not stop.is_set() else None)
    stack = Stack(plan_from(environ))
    try:
        async with stack:
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stop.set)
            print(told(stack), flush=True)
            await _keep_alive(stack, stop)
            print("Stopping …", flush=True)
    except asyncio.CancelledError:
        print("Stopped before everything was up.", flush=True)


async def _keep_alive(stack: Stack, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for process in stack.processes:
            if not process.running:
                print(
                    f"{process.name} ended with {process.exit_code}, starting it again; see {process.log}", flush=True
                )
                process.begin()
        try:
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
        except TimeoutError:
            continue


def main() -> None:
    """Run, and say in one sentence what is wrong when that is impossible."""
    try:
        asyncio.run(run(os.environ))
    except (BrokerFailed, BrokerMissing, PortTaken, StartFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
