"""DynamoDB Local answers as the tests expect of it."""

from shared.aws import dynamodb
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.aws.settings import table_name


def test_a_false_condition_of_a_transaction_names_its_part(local_tables: None) -> None:
    table = table_name("stock")
    put = {"TableName": table, "Item": to_item({"pk": "A", "sk": "1", "n": 1, "x": 1.5})}
    assert dynamodb.transact([{"Put": put}]) == []
    (refused,) = dynamodb.transact(
        [
            {"Put": {"TableName": table, "Item": to_item({"pk": "B", "sk": "1"})}},
            {"Put": {**put, "ConditionExpression": "attribute_not_exists(pk)"}},
        ]
    )
    assert refused.index == 1
    assert refused.item == {"pk": "A", "sk": "1", "n": 1, "x": 1.5}
    assert dynamodb.get_many([Key(table, "A", "1"), Key(table, "B", "1")]).keys() == {
        Key(table, "A", "1")
    }
