"""`python -m tools.simulator`: runs one simulator until SIGTERM and prints one JSON line once it listens."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from aiohttp import web

from tools.simulator.app import simulator_runner
from tools.simulator.behaviour import Behaviour, StatusPlan
from tools.simulator.state import SimulatorSettings

_PREFIX = "GATEWAY_SIMULATOR_"


def parser_from(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags; each default comes from `GATEWAY_SIMULATOR_<FLAG>` where that is set."""

    def told(flag: str, default: str = "") -> str:
        return environ.get(_PREFIX + flag, default)

    parser = argparse.ArgumentParser(prog="python -m tools.simulator", description=__doc__)
    parser.add_argument("--host", default=told("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(told("PORT", "0")), help="0 picks a free one")
    parser.add_argument("--webhook-url", action="append", help="where webhooks go; may be repeated", metavar="URL")
    parser.add_argument(
        "--app-secret-env",
        default=told("APP_SECRET_ENV", "GATEWAY_WHATSAPP_APP_SECRET"),
        help="name of the environment variable with the app secret that signs webhooks",
        metavar="NAME",
    )
    parser.add_argument("--journal", default=told("JOURNAL"), help="file that gets a line for each message")
    parser.add_argument("--max-messages", type=int, default=int(told("MAX_MESSAGES", "200000")))
    parser.add_argument(
        "--phone-number-id", action="append", default=[], help="the only numbers it knows; any when left out"
    )
    parser.add_argument(
        "--statuses",
        choices=["on", "off"],
        default=told("STATUSES", "on"),
        help="whether sends are followed by status webhooks",
    )
    parser.set_defaults(webhook_urls=told("WEBHOOK_URL").split())
    return parser


def settings_from(arguments: argparse.Namespace, environ: Mapping[str, str]) -> SimulatorSettings:
    """The settings that the flags ask for."""
    return SimulatorSettings(
        app_secret=environ.get(arguments.app_secret_env, ""),
        phone_number_ids=tuple(arguments.phone_number_id),
        journal=Path(arguments.journal) if arguments.journal else None,
        max_messages=arguments.max_messages,
        behaviour=Behaviour(
            webhook_urls=tuple(arguments.webhook_url or arguments.webhook_urls),
            statuses=StatusPlan(enabled=arguments.statuses == "on"),
        ),
    )


async def serve(settings: SimulatorSettings, *, host: str, port: int) -> None:
    """Listen, say where, and stop in order on SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = simulator_runner(settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        port = runner.addresses[0][1]
        line = {"simulator": "listening", "port": port, "url": f"http://{host}:{port}"}
        print(orjson.dumps(line).decode(), flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 after a stop that was asked for, 2 for settings that cannot work."""
    arguments = parser_from(os.environ).parse_args(argv)
    settings = settings_from(arguments, os.environ)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings, host=arguments.host, port=arguments.port))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
