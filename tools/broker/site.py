"""`Site`: where a node runs and what it is called; a lone node is on loopback, those of a cluster where they meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node's name, its addresses, and the cluster that it belongs to."""

    node: str = "gateway@localhost"
    """Independent of the host name, so that the data stay readable."""
    clients: str = LOOPBACK
    """The address on which it accepts AMQP."""
    peers: str = LOOPBACK
    """The address on which other nodes and rabbitmqctl reach it."""
    cluster: tuple[str, ...] = ()
    """The names of all nodes of its cluster; none: it stands alone."""
    prefix: tuple[str, ...] = ()
    """What a command line begins with so that the program runs in the node's network namespace."""
    shares_epmd: bool = False
    """True when all nodes of the cluster have one epmd, because they have one loopback address."""

    @property
    def environ(self) -> dict[str, str]:
        """The variables of RabbitMQ's programs that name the node and its address."""
        interface = f"-kernel inet_dist_use_interface {{{self.peers.replace('.', ',')}}}"
        found = {
            "ERL_EPMD_ADDRESS": self.peers,
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CTL_ERL_ARGS": interface,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {interface}",
        }
        return found | ({"RABBITMQ_USE_LONGNAME": "true"} if "." in self.node.partition("@")[2] else {})

    def settings(self, *, reconciliation: bool) -> Iterator[tuple[str, str]]:
        """What rabbitmq.conf says about the cluster, as in production; RabbitMQ 4 knows the `reconciliation`."""
        if not self.cluster:
            return
        yield "cluster_formation.peer_discovery_backend", "classic_config"
        for number, name in enumerate(self.cluster, start=1):
            yield f"cluster_formation.classic_config.nodes.{number}", name
        yield "cluster_partition_handling", "pause_minority"
        yield "queue_leader_locator", "balanced"
        if reconciliation:
            prefix = "quorum_queue.continuous_membership_reconciliation"
            yield f"{prefix}.enabled", "true"
            yield f"{prefix}.target_group_size", str(len(self.cluster))
            yield f"{prefix}.auto_remove", "false"

    @classmethod
    def on_loopback(cls, count: int) -> tuple[Self, ...]:
        """The sites of a cluster whose nodes share this machine's loopback address, on ports of their own."""
        names = tuple(f"gateway-{number}@localhost" for number in range(1, count + 1))
        return tuple(cls(node=name, cluster=names, shares_epmd=True) for name in names)

    @classmethod
    def apart(cls, places: tuple[tuple[str, str, tuple[str, ...]], ...]) -> tuple[Self, ...]:
        """The sites of a cluster in network namespaces: the address for clients, that for peers, and the prefix."""
        names = tuple(f"gateway@{peers}" for _, peers, _ in places)
        return tuple(
            cls(node=name, clients=clients, peers=peers, cluster=names, prefix=prefix)
            for name, (clients, peers, prefix) in zip(names, places, strict=True)
        )
