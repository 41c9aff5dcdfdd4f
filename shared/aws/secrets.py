"""Secrets, read from Secrets Manager once per process on first use."""

import os
from functools import cache

from shared.aws.clients import client
from shared.aws.settings import setting


@cache
def secret(name: str) -> bytes:
    """The secret whose ARN the stack set as ``NORAIN_<NAME>_ARN``.

    Without an ARN (on a laptop, in tests) it is the environment variable ``NORAIN_<NAME>`` itself.

    Raises KeyError when neither is set: there is no default.
    """
    if f"NORAIN_{name.upper()}_ARN" not in os.environ:
        return setting(name).encode()
    answer = client("secretsmanager").get_secret_value(SecretId=setting(f"{name}_arn"))
    value: str = answer["SecretString"]
    return value.encode()
