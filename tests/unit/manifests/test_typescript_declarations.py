"""Declarations become closed schemas; what is not understood is an error and never ignored."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # untyped library
import pytest

from tools.manifests.declarations import NotDeclared, Reader

FILES = {
    "p/g/v1/Kind": """
        import { ISpec } from "./Spec.js";
        import { Model } from "@kubernetes-models/base";
        /** Its `comment`; with braces {}. */
        export interface IKind extends TypeMeta {
            "apiVersion": "g/v1";
            "kind": "Kind";
            "metadata"?: any;
            "spec": ISpec;
        }
        export declare class Kind extends Model<IKind> implements IKind { "spec": ISpec; }
    """.replace("\n        ", "\n"),
    "p/g/v1/Spec": """
import { IParent } from "../v0/Parent.js";
import { IMode as IWay } from "./Mode.js";
import { ISpec } from "./Spec.js";
export interface ISpec extends IParent {
    "count"?: number;
    "list"?: Array<{
        "name": string;
    }>;
    "labels"?: {
        [key: string]: string;
    };
    "way"?: IWay;
    "either"?: string | number;
    "self"?: ISpec;
    "open"?: {};
}
""",
    "p/g/v1/Mode": 'export type IMode = "fast" | "slow";\n',
    "p/g/v0/Parent": 'export interface IParent {\n    "name": string;\n}\n',
}


def text_of(path: str) -> str:
    try:
        return FILES[path]
    except KeyError:
        raise NotDeclared(path) from None


def valid(**spec: Any) -> bool:
    manifest = {"apiVersion": "g/v1", "kind": "Kind", "metadata": {"name": "x"}, "spec": spec}
    return bool(jsonschema.Draft7Validator(Reader(text_of).schema("p/g/v1/Kind")).is_valid(manifest))


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        pytest.param({"name": "x"}, True, id="what a parent requires is enough"),
        pytest.param({}, False, id="what a parent requires is missing"),
        pytest.param({"name": "x", "nmae": "x"}, False, id="a property that is not declared"),
        pytest.param({"name": "x", "count": "1"}, False, id="a text for a number"),
        pytest.param({"name": "x", "list": [{"name": "y"}]}, True, id="a list of objects"),
        pytest.param({"name": "x", "list": [{"name": "y", "more": 1}]}, False, id="an undeclared property in a list"),
        pytest.param({"name": "x", "labels": {"any": "text"}}, True, id="a map of texts"),
        pytest.param({"name": "x", "labels": {"any": 1}}, False, id="a number in a map of texts"),
        pytest.param({"name": "x", "way": "fast"}, True, id="one of the values of an imported type"),
        pytest.param({"name": "x", "way": "fats"}, False, id="none of the values of an imported type"),
        pytest.param({"name": "x", "either": 1}, True, id="the second of a union"),
        pytest.param({"name": "x", "either": []}, False, id="none of a union"),
        pytest.param({"name": "x", "self": {"name": "y"}}, True, id="a kind that holds itself"),
        pytest.param({"name": "x", "self": {"name": "y", "z": 1}}, False, id="an undeclared property in itself"),
        pytest.param({"name": "x", "open": {"z": 1}}, True, id="an object of which nothing is declared"),
    ],
)
def test_the_schema_takes_what_is_declared_and_nothing_else(spec: dict[str, Any], fits: bool) -> None:  # noqa: FBT001 -- a table's column
    assert valid(**spec) is fits


@pytest.mark.parametrize(
    "text",
    [
        "export declare class Kind {}",
        'export interface IKind {\n    "a": Missing;\n}',
        'export interface IKind {\n    "a": string',
        'export interface IKind {\n    "a" string;\n}',
    ],
)
def test_what_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(NotDeclared, match="p/g/v1/Kind"):
        Reader({"p/g/v1/Kind": text}.__getitem__).schema("p/g/v1/Kind")
