"""PartiQL statements: the same clauses as update_item's, in another language."""

import pytest

from shared.aws.expression import Attribute, Update
from shared.aws.statement import Unsuitable, insert_statement, update_statement

KEY = "SKU#A", "LOC#1"


def test_an_update_has_its_assignments_its_key_and_its_conditions() -> None:
    update = Update()
    update.set("last", ["entry"])
    update.add("version", 1)
    update.set_minus("available", 12, "reserved")
    update.require("feed_version = {}", 7)
    update.remove("seq:urn:wms")
    update.require("attribute_not_exists(slots) OR #state <= {}", 12)
    update.require("attribute_exists({0}) OR {0} < {1}", Attribute("due:a"), 5)

    assert update_statement(update, "test-stock", *KEY) == {
        "Statement": (
            'UPDATE "test-stock" SET "last" = ? SET "version" = "version" + ?'
            ' SET "available" = ? - "reserved" REMOVE "seq:urn:wms"'
            ' WHERE "pk" = ? AND "sk" = ? AND "feed_version" = ?'
            ' AND ("slots" IS MISSING OR "state" <= ?)'
            ' AND ("due:a" IS NOT MISSING OR "due:a" < ?)'
        ),
        "Parameters": [
            {"L": [{"S": "entry"}]},
            {"N": "1"},
            {"N": "12"},
            {"S": "SKU#A"},
            {"S": "LOC#1"},
            {"N": "7"},
            {"N": "12"},
            {"N": "5"},
        ],
    }


def test_an_insert_is_the_update_of_an_item_without_attributes() -> None:
    update = Update()
    update.set("sku", "A")
    update.add("reserved", 2, start=3)
    update.set_minus("available", 12, "reserved")
    update.remove("seq:urn:wms")
    update.require("attribute_not_exists(slots) OR reserved <= {}", 12)

    assert insert_statement(update, "test-stock", *KEY) == {
        "Statement": (
            "INSERT INTO \"test-stock\" VALUE {'pk': ?, 'sk': ?, 'sku': ?, 'reserved': ?,"
            " 'available': ?}"
        ),
        "Parameters": [{"S": "SKU#A"}, {"S": "LOC#1"}, {"S": "A"}, {"N": "5"}, {"N": "12"}],
    }


def test_an_insert_does_not_drop_a_condition() -> None:
    update = Update()
    update.set("sku", "A")
    update.require("feed_version = {}", 7)
    with pytest.raises(Unsuitable):
        insert_statement(update, "test-stock", *KEY)


@pytest.mark.parametrize("name", ['seq:"', "seq:'", "seq:a\nb", "seq:\\", ""])
def test_a_name_cannot_end_its_quotation_marks(name: str) -> None:
    update = Update()
    update.set(name, 1)
    with pytest.raises(Unsuitable):
        update_statement(update, "test-stock", *KEY)
    with pytest.raises(Unsuitable):
        insert_statement(update, "test-stock", *KEY)


@pytest.mark.parametrize("condition", ["begins_with(sku, {})", "(a = {})"])
def test_a_condition_that_has_no_translation_is_refused(condition: str) -> None:
    update = Update()
    update.set("sku", "A")
    update.require(condition, "x")
    with pytest.raises(Unsuitable):
        update_statement(update, "test-stock", *KEY)


def test_a_free_assignment_is_refused() -> None:
    update = Update()
    update.assign("granted = granted - {}", 2)
    with pytest.raises(Unsuitable):
        update_statement(update, "test-stock", *KEY)
