"""Hand-written schemas are closed, and name the kinds that they describe."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # untyped library
import pytest
import yaml

from tools.manifests.schemas import WRITTEN, Kind, NoSchema, closed, schema_of

USER: dict[str, Any] = {
    "apiVersion": "rabbitmq.com/v1beta1",
    "kind": "User",
    "metadata": {"name": "x"},
    "spec": {"rabbitmqClusterReference": {"name": "rabbitmq"}},
}


def fits(manifest: dict[str, Any]) -> bool:
    schema = schema_of(Kind.of(manifest), "1.34.0")
    return bool(jsonschema.Draft7Validator(schema).is_valid(manifest))


def test_a_written_schema_takes_its_kind_and_nothing_else() -> None:
    assert fits(USER)
    assert not fits({**USER, "spec": {**USER["spec"], "tag": "management"}})
    assert not fits({**USER, "spec": {"rabbitmqClusterReference": {"name": "rabbitmq", "names": "x"}}})
    assert not fits({**USER, "status": {}})
    assert not fits({name: value for name, value in USER.items() if name != "metadata"})


def test_another_version_of_a_written_kind_has_no_schema() -> None:
    with pytest.raises(NoSchema, match="another version"):
        schema_of(Kind("rabbitmq.com/v1", "User"), "1.34.0")


@pytest.mark.parametrize("path", sorted(WRITTEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_written_schema_is_one(path: Any) -> None:
    found = yaml.safe_load(path.read_text())

    jsonschema.Draft7Validator.check_schema(closed(found))
    assert found["properties"]["apiVersion"]["const"].count("/") == 1


def test_closing_reaches_every_object_and_keeps_open_maps() -> None:
    found = closed(
        {"properties": {"a": {"type": "array", "items": {"properties": {}}}, "m": {"additionalProperties": {}}}}
    )

    assert found["additionalProperties"] is False
    assert found["properties"]["a"]["items"]["additionalProperties"] is False
    assert found["properties"]["m"]["additionalProperties"] == {}


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (Kind("v1", "Secret"), "secret-v1.json"),
        (Kind("apps/v1", "Deployment"), "deployment-apps-v1.json"),
        (Kind("monitoring.coreos.com/v1", "PodMonitor"), "podmonitor-monitoring-v1.json"),
    ],
)
def test_files_have_the_names_that_kubeconform_looks_for(kind: Kind, file: str) -> None:
    assert kind.file == file
