"""Reads and writes the JSON of DynamoDB as botocore does, except that items stay as they are.

botocore copies each attribute value through a description of all its ten types, which is half of
the CPU of reading a hundred items, and an eighth of that of a transaction. The JSON of an item is
what ``to_item`` makes and ``from_item`` reads (shared/aws/items.py), with binary values as base64
texts, as in a stream record.
"""

import json
from base64 import b64encode
from typing import Any

from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.serialize import JSONSerializer

AS_SENT = frozenset({"AttributeMap", "ItemList"})
"""The shapes of DynamoDB's answers that hold items: one item, and several."""


class ItemParser(JSONParser):
    """The parser of the protocol that DynamoDB speaks."""

    def _parse_shape(self, shape: Any, node: Any) -> Any:
        if shape.name in AS_SENT:
            return node
        return super()._parse_shape(shape, node)  # type: ignore[misc]  # not in the stubs


class ParserFactory(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        return ItemParser() if protocol_name == "json" else super().create_parser(protocol_name)


class InputSerializer(JSONSerializer):
    """Writes the parameters of a call of DynamoDB as its JSON: the names and values are the same,
    apart from binary values."""

    def serialize_to_request(self, parameters: Any, operation_model: Any) -> Any:
        request = super().serialize_to_request({}, operation_model)
        request["body"] = JSON.encode(parameters).encode()
        return request


def _base64(value: Any) -> str:
    """Raises TypeError for what is not binary."""
    return b64encode(value).decode()


JSON = json.JSONEncoder(default=_base64, separators=(",", ":"))
