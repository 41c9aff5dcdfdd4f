"""`norain replay`: decisions run again, and those that cannot be."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.cli.replay import replayed
from infra.local.target import Target
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.orders import placing, store
from shared.routing.model.erased import erased_stub
from tests.support import shop
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def run() -> dict[str, Any]:
    tables = {"orders": table_name("orders")}
    target = cast("Target", SimpleNamespace(dynamodb=dynamodb(), tables=tables))
    rows, _ = replayed(target, "o-1")
    return rows


def test_a_decision_whose_shopper_was_erased_is_not_run_again_and_says_so() -> None:
    shop.stocked({"A": {"denver": 5}})
    draft = order("o-1", line("1", "A", 1))
    placing.place(draft, request("k"), "web", NOW, lambda _: "{}")
    ((taken,), same) = (run()["decisions"], run()["same"])
    assert (taken["same"], same) == (True, True)
    (item,) = (row for row in shop.items("orders") if row["sk"] == "ORDER")
    item["decisions"] = [erased_stub(store.decision("o-1", kept)) for kept in item["decisions"]]
    dynamodb().put_item(TableName=table_name("orders"), Item=to_item(item))
    ((left,), same) = (run()["decisions"], run()["same"])
    assert same is None
    assert left["erased"] is True
    assert left["plan"]["units"] == taken["stored"]["units"]
    assert "same" not in left
