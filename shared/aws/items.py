"""Converts DynamoDB's typed JSON to plain Python values and back, without the resource API.

``str``, ``int``, ``float``, ``bool``, ``None``, ``bytes``, lists, maps and sets of texts. An
integral number is read as ``int``, any other as ``float``, never as Decimal. The import is cheap.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

Value = Any
Item = dict[str, Any]
SMALLEST = 1e-130
"""DynamoDB stores no smaller number other than 0."""


def to_item(values: Mapping[str, Value]) -> Item:
    """Typed attributes of ``values``; None values are left out."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def to_attribute(value: Value) -> Item:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value) if abs(value) >= SMALLEST else "0"}
        case None:
            return {"NULL": True}
        case bytes():
            return {"B": value}
        case set() | frozenset():
            return {"SS": sorted(value)}
        case list() | tuple():
            return {"L": [to_attribute(entry) for entry in value]}
        case Mapping():
            return {"M": {str(name): to_attribute(entry) for name, entry in value.items()}}
    raise TypeError(f"DynamoDB holds no {type(value).__name__}")


def from_item(item: Mapping[str, Any]) -> dict[str, Value]:
    """Plain values of an item from boto3's client or a stream record."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}


def from_attribute(attribute: Mapping[str, Any]) -> Value:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "B":
            # A stream record is JSON and has bytes as base64.
            return b64decode(value) if isinstance(value, str) else value
        case "N":
            return _number(value)
        case "SS":
            return frozenset(value)
        case "NULL":
            return None
        case "L":
            return [from_attribute(entry) for entry in value]
        case "M":
            return {name: from_attribute(entry) for name, entry in value.items()}
    raise TypeError(f"NoRain stores no attribute of type {kind}")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
