"""S3 buckets: encrypted, reached over TLS only, closed to the public."""

from collections.abc import Sequence
from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.platform import Platform


def bucket(
    scope: Construct,
    name: str,
    platform: Platform,
    *,
    rules: Sequence[s3.LifecycleRule] = (),
    versioned: bool = False,
) -> s3.Bucket:
    return s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=versioned,
        removal_policy=platform.removal_policy,
        lifecycle_rules=list(rules),
    )


def notify(made: s3.Bucket, queue: sqs.Queue) -> None:
    """Send a message to ``queue`` for each object that is created in the bucket."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(made).account}},
        )
    )
    # CDK's own notifications add a function that may change every bucket of the account.
    resource = cast("s3.CfnBucket", made.node.default_child)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        queue_configurations=[
            s3.CfnBucket.QueueConfigurationProperty(
                event="s3:ObjectCreated:*", queue=queue.queue_arn
            )
        ]
    )
    made.node.add_dependency(queue)
