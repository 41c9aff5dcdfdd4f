"""`norain token`"""

from typing import Annotated

import typer

from infra.cli.output import Mode, show
from infra.local import target


def token(
    client: Annotated[str, typer.Argument(help="web, pos, marketplace, associate, planner, ops")],
) -> None:
    """Print an access token of a client with all of the client's scopes, valid for an hour.

    \b
    norain token web
    curl -H "authorization: Bearer $(norain token web)" "$API/v1/availability?sku=..."
    """
    access_token = target.token(target.load(), client)
    if Mode.asked:
        show({"access_token": access_token, "token_type": "Bearer"})
    else:
        print(access_token)
