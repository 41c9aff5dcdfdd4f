"""One DynamoDB table from its key schema in shared/schema.py."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.platform import Platform
from shared.schema import Index
from shared.schema import Table as Schema


def table(scope: Construct, schema: Schema, platform: Platform) -> dynamodb.TableV2:
    """On demand, encrypted, restorable to any second of the last 35 days."""
    return dynamodb.TableV2(
        scope,
        schema.name.capitalize(),
        partition_key=_key("pk"),
        sort_key=_key("sk"),
        billing=dynamodb.Billing.on_demand(),
        encryption=_encryption(scope, schema, platform),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=not platform.disposable,
        removal_policy=platform.removal_policy,
        time_to_live_attribute=schema.ttl,
        dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if schema.stream else None,
        global_secondary_indexes=[_index(index) for index in schema.indexes],
    )


def _encryption(scope: Construct, schema: Schema, platform: Platform) -> dynamodb.TableEncryptionV2:
    if not schema.personal:
        return dynamodb.TableEncryptionV2.dynamo_owned_key()
    key = kms.Key(
        scope,
        f"{schema.name.capitalize()}Key",
        description=f"NoRain {platform.stage}: personal data of the table {schema.name}",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN if not platform.disposable else RemovalPolicy.DESTROY,
    )
    return dynamodb.TableEncryptionV2.customer_managed_key(key)


def _index(index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    projection = dynamodb.ProjectionType.INCLUDE
    if index.include is None:
        projection = dynamodb.ProjectionType.ALL
    elif not index.include:
        projection = dynamodb.ProjectionType.KEYS_ONLY
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=index.name,
        partition_key=_key(index.pk),
        sort_key=_key(index.sk),
        projection_type=projection,
        non_key_attributes=list(index.include) if index.include else None,
    )


def _key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
