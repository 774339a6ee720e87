"""The topology operator's objects: up to date, and the same rights as in the definitions that a broker imports."""

import yaml

from tools.broker.definitions import definitions
from tools.broker.kubernetes_users import FILE, KEDA, text
from tools.broker.rights import rights


def test_the_committed_file_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == text(), "run `make docs`"


def test_users_have_the_rights_of_the_imported_definitions() -> None:
    objects = list(yaml.safe_load_all(text()))
    imported = definitions({each.user: "x" for each in rights()})
    permissions = {
        each["spec"]["userReference"]["name"]: each["spec"] for each in objects if each["kind"] == "Permission"
    }

    for given in imported["permissions"]:
        assert permissions[given["user"]]["vhost"] == given["vhost"]
        assert permissions[given["user"]]["permissions"] == {k: given[k] for k in ("configure", "write", "read")}


def test_keda_s_user_may_do_nothing_and_has_no_tag() -> None:
    objects = [each for each in yaml.safe_load_all(text()) if each["metadata"]["name"] == KEDA]

    assert [each["kind"] for each in objects] == ["User", "Permission"]
    assert set(objects[1]["spec"]["permissions"].values()) == {"^$"}
    assert "tags" not in objects[0]["spec"]


def test_the_user_of_the_declare_step_alone_may_set_policies() -> None:
    tags = {
        each["metadata"]["name"]: each["spec"].get("tags")
        for each in yaml.safe_load_all(text())
        if each["kind"] == "User"
    }

    assert {name for name, found in tags.items() if found} == {"declare"}
    assert tags["declare"] == ["policymaker"]
