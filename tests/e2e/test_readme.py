"""Each command that a README shows, run as written, and its answer compared with the one shown.

The commands run in a folder that looks like the repository (events, .venv, .norain), on the
tests' own cloud. It is seeded with the part of the demo's retailer that the commands ask for.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.local import seed
from infra.local.cloud import ROOT
from infra.local.retailer import Retailer, retailer
from infra.local.steps import Steps
from shared.locations.store import KEPT_SECONDS
from tests.e2e.conftest import Deployed, eventually

DOCUMENTS = ("README.md", "infra/README.md", "events/README.md")
SAMPLES = ROOT / "events" / "samples"
SKUS = ("1082185", "1029743", "981760", "883404")
FED_STORE = "S1027"
NOT_RUN = {
    "make setup": "has run before any test",
    "make demo": "the tests' own cloud stands for the demo's",
    "make test": "this test is a part of it",
    "make down": "the cloud belongs to all end-to-end tests",
    ".venv/bin/python -m pytest tests/unit/orders -q": "`make test` runs these tests",
    "cd infra && npx cdk bootstrap && npx cdk deploy --all -c stage=prod": "needs an AWS account",
}
DIFFERENT_EACH_TIME = {"as_of", "ready_by", "sellable"}
SHOWN = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_SHELLS = {"bash", "console", "shell", "shell-session", "zsh"}
INDENTED_COMMAND = re.compile(
    r"^ {4}(?:make|cd|curl|npx|python3?|git|\.venv/\S+|[A-Z]+=\S*)\b.*$", re.MULTILINE
)


@dataclass(frozen=True)
class Command:
    """``answer`` is the JSON that the document shows below the command, or None."""

    text: str
    answer: Any = None

    @property
    def bare(self) -> str:
        """The command without its comment."""
        return re.sub(r"\s+# .*", "", self.text)


def commands(document: str) -> list[Command]:
    """The commands of the ```sh blocks, in order; a ```json block is the answer to the last one."""
    shown: list[Command] = []
    previous = ""
    for language, block in SHOWN.findall((ROOT / document).read_text()):
        if language == "sh":
            lines = block.replace("\\\n", " ").splitlines()
            shown += [
                Command(line.strip()) for line in lines if line.strip() and not line.startswith("#")
            ]
        elif language == "json" and previous == "sh":
            shown[-1] = replace(shown[-1], answer=json.loads(block))
        previous = language
    return shown


def names_in(command: str) -> list[str]:
    return re.findall(r"events/samples/[\w.-]+", command)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_stand_in_sh_blocks_so_that_they_are_run(document: str) -> None:
    text = (ROOT / document).read_text()
    assert not {language for language, _ in SHOWN.findall(text)} & OTHER_SHELLS
    assert INDENTED_COMMAND.findall(text) == []


def test_every_command_that_is_not_run_is_still_in_a_document() -> None:
    shown = {command.bare for document in DOCUMENTS for command in commands(document)}
    assert NOT_RUN.keys() <= shown


def test_every_sample_is_used_by_a_command() -> None:
    used = {
        name
        for document in DOCUMENTS
        for command in commands(document)
        for name in names_in(command.text)
    }
    assert used == {str(path.relative_to(ROOT)) for path in SAMPLES.iterdir()}


def part_of_the_demo() -> Retailer:
    """The demo's stock of SKUS at all its locations, and the store that stock.csv is about."""
    whole = retailer()
    stock = {place: units for place, units in whole.stock.items() if place[1] in SKUS}
    named = {location for location, _ in stock} | {FED_STORE}
    return replace(
        whole,
        locations={name: whole.locations[name] for name in sorted(named)},
        products={sku: whole.products[sku] for sku in SKUS},
        stock=stock,
        baskets=(),
    )


@pytest.fixture(scope="module")
def seeded(cloud: Deployed) -> Retailer:
    part = part_of_the_demo()
    steps = Steps()
    seed.seed_reference(cloud.target, part, steps)
    # A function that an earlier test has warmed up may know the old locations until then.
    known_everywhere = time.monotonic() + KEPT_SECONDS
    seed.send_counts(cloud.target, part, steps)
    for sku in SKUS:
        units = sum(count for (_, counted), count in part.stock.items() if counted == sku)
        eventually(partial(all_projected, cloud, sku, units), seconds=60)
    time.sleep(max(0.0, known_everywhere - time.monotonic()))
    return part


def all_projected(cloud: Deployed, sku: str, units: int) -> bool:
    answer = cloud.as_("ops").get("/v1/availability", params={"sku": sku, "channel": "web"})
    assert answer.status_code == 200, answer.text
    projected: int = answer.json()["items"][0]["sellable"]
    return projected == units


@pytest.fixture(scope="module")
def shell(cloud: Deployed, tmp_path_factory: pytest.TempPathFactory) -> "Shell":
    folder = tmp_path_factory.mktemp("clone")
    for name in ("events", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".norain").symlink_to(cloud.running.folder)
    return Shell(folder, cloud.running.folder)


@dataclass(frozen=True)
class Shell:
    """Runs one command after the other; variables that one sets, the next ones see."""

    folder: Path
    cloud_folder: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        variables = self.folder / "variables"
        variables.touch()
        script = (
            "set -aeo pipefail; source ./variables\n"
            f"{command}\n"
            "export -p | grep -E '^declare -x [A-Z]+=' | grep -v ' PWD=' > ./variables"
        )
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def environment(self, ours: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in ours.items() if not name.lower().endswith("_proxy")}
        return {
            **kept,
            "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{ours['PATH']}",
            "NORAIN_FOLDER": str(self.cloud_folder),
        }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_works_as_written(document: str, shell: Shell, seeded: Retailer) -> None:
    for command in commands(document):
        if command.bare in NOT_RUN:
            continue
        ended = shell.run(command.text)
        assert ended.returncode == 0, f"{command.text}\n{ended.stdout}\n{ended.stderr}"
        if command.answer is not None:
            compare(command.answer, json.loads(ended.stdout), command.bare)


def compare(shown: Any, real: Any, path: str) -> None:
    """The same members everywhere, and the same values but for those of DIFFERENT_EACH_TIME."""
    assert type(shown) is type(real), path
    match shown:
        case dict():
            assert shown.keys() == real.keys(), path
            for name, value in shown.items():
                if name in DIFFERENT_EACH_TIME:
                    same_kind(value, real[name], f"{path} .{name}")
                else:
                    compare(value, real[name], f"{path} .{name}")
        case list():
            assert len(shown) == len(real), path
            for index, (one, other) in enumerate(zip(shown, real, strict=True)):
                compare(one, other, f"{path} [{index}]")
        case _:
            assert shown == real, path


def same_kind(shown: Any, real: Any, path: str) -> None:
    assert type(shown) is type(real), path
    if isinstance(shown, str):
        assert datetime.fromisoformat(real).tzinfo is not None, path
