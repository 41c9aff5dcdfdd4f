"""Expressions of DynamoDB: what the builder sends, and that names and values fit together."""

from typing import Any

from shared.aws.expression import Attribute, Condition, Update


def test_an_update_holds_its_clauses_and_their_values() -> None:
    update = Update()
    update.set("on_hand", 12)
    update.add("version", 1)
    update.set_minus("available", 12, "reserved")
    update.set_plus("total", 3, "reserved")
    update.assign("granted = granted - {}", 2)
    update.remove("deadline", "deadline_key")
    update.require("feed_version = {}", 7)

    assert update.request("stock", "SKU#A", "LOC#1") == {
        "TableName": "stock",
        "Key": {"pk": {"S": "SKU#A"}, "sk": {"S": "LOC#1"}},
        "UpdateExpression": (
            "SET on_hand = :v0, version = if_not_exists(version, :v1) + :v2,"
            " available = :v3 - if_not_exists(reserved, :v4),"
            " total = :v5 + if_not_exists(reserved, :v6), granted = granted - :v7"
            " REMOVE deadline, deadline_key"
        ),
        "ConditionExpression": "feed_version = :v8",
        "ExpressionAttributeValues": {
            f":v{number}": {"N": str(value)}
            for number, value in enumerate([12, 0, 1, 12, 0, 3, 0, 2, 7])
        },
    }


def test_reserved_and_unusual_names_get_an_alias() -> None:
    update = Update()
    update.set("last", ["entry"])
    update.add("due:po-1", 2, start=1)
    update.require("#state = {}", "open")
    update.require("{0} <= {1}", Attribute("due:po-1"), 5)

    arguments = update.arguments()
    assert arguments["UpdateExpression"] == ("SET #last = :v0, #n1 = if_not_exists(#n1, :v1) + :v2")
    assert arguments["ConditionExpression"] == "#state = :v3 AND #n1 <= :v4"
    assert arguments["ExpressionAttributeNames"] == {
        "#last": "last",
        "#n1": "due:po-1",
        "#state": "state",
    }


def test_an_alternative_is_bracketed() -> None:
    condition = Condition()
    condition.require("attribute_not_exists(slots) OR available >= {}", 3)
    condition.require("version = {}", 4)

    assert condition.arguments() == {
        "ConditionExpression": (
            "(attribute_not_exists(slots) OR available >= :v0) AND version = :v1"
        ),
        "ExpressionAttributeValues": {":v0": {"N": "3"}, ":v1": {"N": "4"}},
    }


def test_the_same_clauses_with_other_values_are_other_arguments() -> None:
    def arguments(units: int) -> Any:
        update = Update()
        update.set("on_hand", units)
        update.require("{} <= {}", Attribute("due:a"), units)
        return update.arguments()

    first, second = arguments(1), arguments(2)
    first["ExpressionAttributeNames"].clear()
    assert arguments(2) == second
    assert second["ExpressionAttributeValues"] == {":v0": {"N": "2"}, ":v1": {"N": "2"}}


def test_equal_numbers_and_flags_are_different_values() -> None:
    update = Update()
    update.set("units", 1)
    update.set("own", True)
    update.set("text", "1")

    assert update.arguments()["ExpressionAttributeValues"] == {
        ":v0": {"N": "1"},
        ":v1": {"BOOL": True},
        ":v2": {"S": "1"},
    }


def test_without_clauses_there_are_no_arguments() -> None:
    update = Update()
    update.remove("promise")

    assert update.arguments() == {"UpdateExpression": "REMOVE promise"}
    assert Condition().arguments() == {}
