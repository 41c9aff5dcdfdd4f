"""What a log says of a crash: where it broke, and never the words of the error.

They may be of a person: a validation error repeats its input.
"""

import traceback
from typing import Any


def crash(error: BaseException) -> dict[str, Any]:
    """The kinds of the error and of what caused it, and the stack, innermost call last."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 5:
        kinds.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        cause = cause.__cause__ or cause.__context__
    return {"error": kinds, "stack": traceback.format_tb(error.__traceback__)}
