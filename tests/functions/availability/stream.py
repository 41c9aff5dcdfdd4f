"""The records that Lambda gets of the table of packs, from moto's stream."""

from collections.abc import Iterator
from typing import Any

from shared.aws.clients import client, dynamodb
from shared.aws.settings import table_name

Record = dict[str, Any]


class Stream:
    """What was written since it was made, or read last."""

    def __init__(self) -> None:
        described: Any = dynamodb().describe_table(TableName=table_name("availability"))
        arn = described["Table"]["LatestStreamArn"]
        self._client: Any = client("dynamodbstreams")
        (shard,) = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._place = self._client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]

    def records(self) -> list[Record]:
        return list(self._packs())

    def _packs(self) -> Iterator[Record]:
        page = self._client.get_records(ShardIterator=self._place)
        self._place = page["NextShardIterator"]
        for record in page["Records"]:
            if record["dynamodb"]["Keys"]["sk"]["S"].startswith("PACK#"):
                yield record
