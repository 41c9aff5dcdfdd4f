"""The user pool: the scopes of its clients."""

from shared.aws.clients import client


def scopes_of_client(pool_id: str, client_id: str) -> list[str]:
    """The scopes that a client may request now; empty for a client that was deleted.

    Raises Busy when the pool does not answer or throttles.
    """
    cognito = client("cognito-idp")
    try:
        answer = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    except cognito.exceptions.ResourceNotFoundException:
        return []
    scopes: list[str] = answer["UserPoolClient"].get("AllowedOAuthScopes", [])
    return scopes
