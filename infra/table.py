"""A DynamoDB table, made from its key schema in shared/schema.py."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.platform import Platform
from shared.schema import Index
from shared.schema import Table as Schema


def table(scope: Construct, schema: Schema, platform: Platform) -> dynamodb.Table:
    """Capacity on demand, encrypted, restorable to any second of the last 35 days."""
    key = _key(scope, schema, platform) if schema.personal else None
    made = dynamodb.Table(
        scope,
        schema.name.capitalize(),
        partition_key=_attribute("pk"),
        sort_key=_attribute("sk"),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED
        if key
        else dynamodb.TableEncryption.AWS_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=not platform.disposable,
        removal_policy=platform.removal_policy,
        time_to_live_attribute=schema.ttl,
        stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if schema.stream else None,
    )
    for index in schema.indexes:
        made.add_global_secondary_index(
            index_name=index.name,
            partition_key=_attribute(index.pk),
            sort_key=_attribute(index.sk),
            projection_type=_projection(index),
            non_key_attributes=list(index.include) if index.include else None,
        )
    return made


def _key(scope: Construct, schema: Schema, platform: Platform) -> kms.Key:
    return kms.Key(
        scope,
        f"{schema.name.capitalize()}Key",
        description=f"NoRain {platform.stage}: personal data of the table {schema.name}",
        enable_key_rotation=True,
        removal_policy=platform.removal_policy,
    )


def _projection(index: Index) -> dynamodb.ProjectionType:
    if index.include is None:
        return dynamodb.ProjectionType.ALL
    return dynamodb.ProjectionType.INCLUDE if index.include else dynamodb.ProjectionType.KEYS_ONLY


def _attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
