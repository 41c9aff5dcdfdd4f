"""`norain kpis`, against the handler of the API."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from functions.kpis.api import handler
from infra.cli.kpis import drawn, spark
from infra.cli.main import app
from infra.cli.output import out
from infra.local import target
from shared.kpis.model.digest import worded
from tests.support import shop
from tests.support.counted import count, handed_over, placed
from tests.support.requests import request
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables")


def answer(asked: httpx.Request) -> httpx.Response:
    made = handler(request("kpis/list", query=dict(asked.url.params)), None)
    return httpx.Response(int(made["statusCode"]), text=made["body"])


@pytest.fixture(autouse=True)
def gateway(environment: pytest.MonkeyPatch, fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 9}})
    placed("o-1", line("1", "A", 2))
    handed_over("o-1")
    count("o-1")
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api")
    environment.setattr(target, "load", lambda: None)
    environment.setattr(target, "channel", lambda *_: client)


def shown(*arguments: str) -> dict[str, Any]:
    told = CliRunner().invoke(app, ["--json", "kpis", *arguments])
    assert told.exit_code == 0, told.output
    document: dict[str, Any] = json.loads(told.output)
    return document


def text(report: dict[str, Any]) -> str:
    with out.capture() as captured:
        out.print(drawn(report))
    return captured.get()


def test_all_kpis_of_the_last_days_are_lines_with_a_curve() -> None:
    report = shown("--to", "2026-11-22", "--days", "4")
    assert (report["first"], report["last"]) == ("2026-11-19", "2026-11-22")
    told = text(report)
    assert "20.00 USD" in told
    assert "·█··" in told


def test_a_channel_is_a_row_of_a_table() -> None:
    report = shown("net_sales", "margin", "--by", "channel", "--to", "2026-11-22")
    told = text(report)
    assert "web" in told
    assert "net sales" in told


def test_a_wrong_kpi_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    told = CliRunner().invoke(app, ["kpis", "profit"])
    assert told.exit_code == 1
    assert "'profit' is none of" in told.output + capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--by", "weather"], ["--to", "yesterday"], ["--days", "0"]])
def test_a_wrong_option_is_named(wrong: list[str]) -> None:
    told = CliRunner().invoke(app, ["kpis", *wrong])
    assert told.exit_code == 2
    assert wrong[0] in told.output


def test_values_are_worded_by_their_kind() -> None:
    assert worded("share", 0.1234, "USD") == "12.3%"
    assert worded("ratio", 0.1234, "USD") == "0.123"
    assert worded("count", 1234.0, "USD") == "1,234"
    assert worded("money", 123456.0, "EUR") == "1,234.56 EUR"
    assert worded("share", None, "USD") == "-"


def test_a_curve_begins_at_nothing() -> None:
    assert spark([0, 5, 10]) == "▁▅█"
    assert spark([7, 7]) == "██"
    assert spark([None, 1]) == "·█"
    assert spark([-10, 0, 10]) == "▁▅█"
    assert spark([]) == spark([None]) == ""
    assert spark([0, 0]) == "▁▁"
