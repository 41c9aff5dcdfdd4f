"""Cursors of paged lists: the key of the last row of a page, encoded so that clients treat it as
opaque."""

import base64
import re

from shared.errors import invalid

MOST_BYTES = 1024
"""Longest key in bytes: the limit of DynamoDB sort keys."""


def cursor_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str, pattern: str, path: str = "query.cursor") -> str:
    """Decodes a cursor of ``cursor_of``. ``pattern`` is the regular expression of the keys of the
    list, ``path`` the JSON path of the cursor in the request.

    Raises InvalidRequest for any other text.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = text.decode()
    except ValueError:
        key = ""
    if len(key.encode()) > MOST_BYTES or not re.fullmatch(pattern, key):
        raise invalid(
            path, "this is not a cursor of the list: use next_cursor of the previous page"
        )
    return key
