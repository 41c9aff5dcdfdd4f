"""The group of all commands: ``--json`` may stand anywhere, errors are one line, no traceback."""

from typing import Any

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from infra.cli.output import fail
from infra.local.cloud import CloudFailed
from infra.local.target import Refused

JSON = "--json"


class Commands(TyperGroup):
    """Expected errors are printed, and end the command with 1."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if JSON in args:
            args = [JSON, *(arg for arg in args if arg != JSON)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as refused:
            fail(str(refused), refused.problem)
        except CloudFailed as failed:
            fail(str(failed))
        except (httpx.TransportError, BotoCoreError) as error:
            fail(f"the local cloud does not answer ({error}): `norain status` shows if it runs")
        except ClientError as error:
            fail(str(error))
        raise typer.Exit(1)
