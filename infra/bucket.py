"""A bucket: encrypted, reached over TLS only, closed to the public."""

from collections.abc import Sequence

from aws_cdk import aws_s3 as s3
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
