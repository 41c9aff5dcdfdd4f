"""The user pool: what its clients may have in their tokens."""

from shared.aws.clients import client


def scopes_of_client(pool_id: str, client_id: str) -> list[str]:
    """The scopes that a client may ask for now; none of one that is gone.

    Raises Busy when the pool does not answer, or takes no more questions for now.
    """
    cognito = client("cognito-idp")
    try:
        answer = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    except cognito.exceptions.ResourceNotFoundException:
        return []
    scopes: list[str] = answer["UserPoolClient"].get("AllowedOAuthScopes", [])
    return scopes
