"""Expressions of DynamoDB: what the builder sends, and that names and values fit together."""

from shared.aws.expression import Attribute, Condition, Update


def test_an_update_holds_its_clauses_and_their_values() -> None:
    update = Update()
    update.set("on_hand", 12)
    update.add("version", 1)
    update.assign("available = {} - if_not_exists(reserved, {})", 12, 0)
    update.remove("deadline", "deadline_key")
    update.require("feed_version = {}", 7)

    assert update.request("stock", "SKU#A", "LOC#1") == {
        "TableName": "stock",
        "Key": {"pk": {"S": "SKU#A"}, "sk": {"S": "LOC#1"}},
        "UpdateExpression": (
            "SET on_hand = :v0, version = if_not_exists(version, :v1) + :v2,"
            " available = :v0 - if_not_exists(reserved, :v1) REMOVE deadline, deadline_key"
        ),
        "ConditionExpression": "feed_version = :v3",
        "ExpressionAttributeValues": {
            ":v0": {"N": "12"},
            ":v1": {"N": "0"},
            ":v2": {"N": "1"},
            ":v3": {"N": "7"},
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


def test_an_alternative_is_bracketed_and_a_repeated_condition_counts_once() -> None:
    condition = Condition()
    condition.require("attribute_not_exists(slots) OR available >= {}", 3)
    condition.require("version = {}", 3)
    condition.require("version = {}", 3)

    assert condition.arguments() == {
        "ConditionExpression": (
            "(attribute_not_exists(slots) OR available >= :v0) AND version = :v0"
        ),
        "ExpressionAttributeValues": {":v0": {"N": "3"}},
    }


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
