"""The log fields of a crash: its place in the code, without the message of the error.

A message may hold personal data: a validation error repeats its input.
"""

import traceback
from typing import Any


def crash(error: BaseException) -> dict[str, Any]:
    """The types of the error and of its causes, and the stack, innermost call last."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 5:
        kinds.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        cause = cause.__cause__ or cause.__context__
    return {"error": kinds, "stack": traceback.format_tb(error.__traceback__)}
