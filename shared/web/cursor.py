"""The cursor of a paged list: opaque to the client, the key of the last row to us."""

import base64
import binascii

from shared.errors import InvalidRequest


def cursor_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str) -> str:
    """The key in a ``cursor`` that ``cursor_of`` made.

    Raises InvalidRequest for any other text.
    """
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return key.decode()
    except (binascii.Error, UnicodeError):
        raise InvalidRequest(
            "the cursor is not one that was given out",
            [{"path": "query.cursor", "message": "take next_cursor of the answer before"}],
        ) from None
