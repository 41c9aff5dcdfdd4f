"""The templates that `cdk deploy` would send, for the cloud and for the local cloud."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.app import build

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")


@dataclass(frozen=True)
class Resource:
    stack: str
    name: str
    type: str
    properties: dict[str, Any]
    whole: dict[str, Any]


@dataclass(frozen=True)
class Templates:
    resources: tuple[Resource, ...]

    def of(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == kind]


def synthesise(folder: Path, **context: str) -> Templates:
    settings = json.loads(Path("infra/cdk.json").read_text())["context"]
    app = App(outdir=str(folder), context={**settings, **context})
    build(app)
    assembly = app.synth()
    return Templates(
        tuple(
            Resource(stack.stack_name, name, body["Type"], body.get("Properties", {}), body)
            for stack in assembly.stacks
            for name, body in stack.template["Resources"].items()
        )
    )


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise(tmp_path_factory.mktemp("cloud"), stage="prod")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise(tmp_path_factory.mktemp("local"), local="true")
