"""Reading values that newer code has written: during a deploy, and after it was rolled back."""

from collections.abc import Mapping
from typing import Any, TypeVar

Stored = TypeVar("Stored")


def from_row(kind: type[Stored], row: Mapping[str, Any]) -> Stored:
    """A ``kind`` (a dataclass) with the fields of a stored row. Fields that this version of the
    code does not know are left out.

    Raises TypeError when the row lacks a field without a default.
    """
    try:
        return kind(**row)
    except TypeError:
        known: Mapping[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
        return kind(**{name: value for name, value in row.items() if name in known})
