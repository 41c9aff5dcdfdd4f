"""Parses answers of AWS as botocore does, except that items of DynamoDB stay as they were sent.

botocore copies each attribute value through a description of all its ten types, which is half of
the CPU of reading a hundred items; ``from_item`` (shared/aws/items.py) reads them as they are.
Binary values therefore stay base64 texts, as in a stream record.
"""

from typing import Any

from botocore.parsers import JSONParser, ResponseParserFactory

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
