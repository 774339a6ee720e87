"""`python -m tools.kubernetes`: a real Kubernetes on this machine, and the gateway on it.

It needs root and Linux. Nothing outside of the machine can be reached from it, and it can be reached by nobody.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.kubernetes.binary import kubernetes_binary
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.lock import held
from tools.kubernetes.network import inside
from tools.kubernetes.preflight import require_machine
from tools.kubernetes.trial import run_gateway


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m tools.kubernetes", description=__doc__)
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="start a cluster with the gateway on it, until Ctrl-C")
    up = commands.add_parser("up", help="start a cluster")
    for command in (run, up):
        command.add_argument("--nodes", type=int, default=1, help="how many nodes, 1 to 9 (default: %(default)s)")
    commands.add_parser("down", help="end the cluster and remove its state")
    commands.add_parser("check", help="install missing packages, and say whether this machine can run a cluster")
    commands.add_parser("build", help="build Kubernetes, without starting it")
    for name, words in (("kubectl", "run kubectl as the administrator"), ("in", "run a command in its network")):
        commands.add_parser(name, help=words, add_help=False)
    commands.add_parser("load", help="give image archives to every node").add_argument("archives", nargs="+", type=Path)
    for name, words in (
        ("crash", "end every process of a node at once, as a power cut does"),
        ("cut", "cut a node off without closing a connection"),
        ("restore", "start a node again that was crashed or cut off"),
    ):
        commands.add_parser(name, help=words).add_argument("node")
    return found


async def execute(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Do what the command line asks for. Raises ClusterFailed."""
    match arguments.command:
        case "check":
            await require_machine(os.environ)
        case "build":
            print(f"Kubernetes is {(await kubernetes_binary(os.environ)).kube}")
        case "up":
            with held(cluster.layout.home):
                await cluster.up(os.environ, nodes=arguments.nodes)
            print(await cluster.kubectl("get", "nodes", "--output=wide"), end="")
        case "run":
            await run_gateway(cluster, os.environ, nodes=arguments.nodes)
        case "down":
            with held(cluster.layout.home):
                await cluster.down()
        case "load":
            await cluster.load(*arguments.archives)
        case "crash":
            await cluster.crash(arguments.node)
        case "cut":
            await cluster.cut(arguments.node)
        case "restore":
            await cluster.restore(arguments.node)
        case _:
            raise ClusterFailed(f"{arguments.command} is not a command.")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0, or 1 with one sentence when something failed, or 130 after Ctrl-C."""
    arguments, words = parser().parse_known_args(argv)
    cluster = Cluster.from_environ(os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, as Ctrl-C does
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    if arguments.command == "kubectl":
        return subprocess.run(cluster.kubectl_command(*words), check=False).returncode
    if arguments.command == "in":
        return subprocess.run(inside(cluster.layout, *words), check=False).returncode
    if words:
        parser().error(f"unrecognized arguments: {' '.join(words)}")
    try:
        asyncio.run(execute(cluster, arguments))
    except ClusterFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
