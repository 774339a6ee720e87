"""All rules by their names."""

from collections.abc import Callable, Iterator

from tests.k8s.rendered import (
    edge_rules,
    network,
    operator_rules,
    order_rules,
    pod_rules,
    reference_rules,
    scaling_rules,
    secret_rules,
    settings_rules,
)
from tests.k8s.rendered.overlay import Overlay

Rule = Callable[[Overlay], Iterator[str]]
MODULES = (
    pod_rules,
    settings_rules,
    secret_rules,
    network,
    order_rules,
    reference_rules,
    edge_rules,
    scaling_rules,
    operator_rules,
)
RULES: dict[str, Rule] = {rule.__name__: rule for module in MODULES for rule in module.RULES}
