"""The cursor of a paged list: opaque to the client, the key of the last row to us."""

import base64
import re

from shared.errors import invalid

MOST_BYTES = 1024
"""Of a key: as many as DynamoDB's sort keys have."""


def cursor_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str, form: str, path: str = "query.cursor") -> str:
    """The key in a ``cursor`` that ``cursor_of`` made; ``form`` is the regular expression that the
    keys of the list fit, ``path`` where the cursor stands.

    Raises InvalidRequest for any other text.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = text.decode()
    except ValueError:
        key = ""
    if len(key.encode()) > MOST_BYTES or not re.fullmatch(form, key):
        raise invalid(path, "not a cursor of this list: take next_cursor of the answer before")
    return key
