"""Secrets, read from Secrets Manager once per process, when first used."""

import os
from functools import cache

from shared.aws.clients import client
from shared.aws.settings import setting


@cache
def secret(name: str) -> bytes:
    """The secret whose ARN the stack gave as ``NORAIN_<NAME>_ARN``.

    Without an ARN (on a laptop, in tests) it is the environment variable ``NORAIN_<NAME>`` itself.

    Raises KeyError when there is neither: never a default.
    """
    if f"NORAIN_{name.upper()}_ARN" not in os.environ:
        return setting(name).encode()
    answer = client("secretsmanager").get_secret_value(SecretId=setting(f"{name}_arn"))
    value: str = answer["SecretString"]
    return value.encode()
