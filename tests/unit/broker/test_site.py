"""Where the nodes of a cluster run: what names them, and what their configuration says about each other."""

from tools.broker.site import Site


def test_a_lone_node_has_no_cluster_and_a_short_name() -> None:
    site = Site()

    assert dict(site.settings(reconciliation=True)) == {}
    assert site.environ["RABBITMQ_NODENAME"] == "gateway@localhost"
    assert "RABBITMQ_USE_LONGNAME" not in site.environ


def test_the_nodes_of_a_cluster_know_each_other_and_pause_their_minority() -> None:
    for site in Site.on_loopback(3):
        settings = dict(site.settings(reconciliation=False))

        assert [settings[f"cluster_formation.classic_config.nodes.{number}"] for number in (1, 2, 3)] == list(
            site.cluster
        )
        assert settings["cluster_partition_handling"] == "pause_minority"
        assert settings["queue_leader_locator"] == "balanced"
        assert not any("reconciliation" in name for name in settings)  # 3.10 would not start


def test_queues_get_as_many_members_as_there_are_nodes_where_rabbitmq_can_see_to_it() -> None:
    settings = dict(Site.on_loopback(3)[0].settings(reconciliation=True))

    assert settings["quorum_queue.continuous_membership_reconciliation.target_group_size"] == "3"


def test_nodes_apart_are_named_and_reached_by_their_addresses() -> None:
    first, second = Site.apart((("10.0.0.1", "10.1.0.1", ("enter", "one")), ("10.0.0.2", "10.1.0.2", ("enter", "two"))))

    assert first.cluster == second.cluster == ("gateway@10.1.0.1", "gateway@10.1.0.2")
    assert (second.clients, second.prefix, second.shares_epmd) == ("10.0.0.2", ("enter", "two"), False)
    assert second.environ["RABBITMQ_USE_LONGNAME"] == "true"
    assert "{10,1,0,2}" in second.environ["RABBITMQ_CTL_ERL_ARGS"]
