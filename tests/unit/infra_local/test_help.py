from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from infra.cli.main import app

COMMANDS = (
    "up",
    "down",
    "demo",
    "token",
    "feed",
    "order",
    "status",
    "redrive",
    "replay",
    "what-if",
    "kpis",
    "plan",
    "audit",
    "export",
    "rebuild",
    "postal-codes",
    "prices",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"norain {command}" in shown.stdout


def test_json_may_stand_before_or_after_the_command() -> None:
    for arguments in (["--json", "token", "--help"], ["token", "--help", "--json"]):
        assert CliRunner().invoke(app, arguments).exit_code == 0


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2


def test_the_version_is_printed_without_a_command() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout.strip()) == (0, version("norain"))


def test_every_command_is_in_the_list() -> None:
    commands = [command.name for command in app.registered_commands]
    groups = [group.name for group in app.registered_groups]
    assert [*commands, *groups] == list(COMMANDS)
