"""The history of KPIs: rows in S3, tables and a work group of Athena, and the nightly query."""

from aws_cdk import Aws, CfnOutput, Duration
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.bucket import bucket
from infra.function import Function
from infra.platform import Platform
from infra.schedule import DAY_MINUTES, Schedule
from infra.stacks.data import Data
from infra.stream import StreamSubscription
from shared import schema
from shared.kpis.model.figures import FIGURES

KEEP_SECONDS = 600
WRITTEN_KEPT = Duration.days(90)
RESULTS_KEPT = Duration.days(7)
FIRST_YEAR = "2020-01-01"
TEXTS = ("order_id", "counted_at", "day", "channel", "currency", "location_id", "sku")
JSON_ROWS = "org.openx.data.jsonserde.JsonSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


class History(Construct):
    def __init__(self, scope: Construct, name: str, platform: Platform, *, data: Data) -> None:
        super().__init__(scope, name)
        self.bucket = bucket(
            self,
            "Rows",
            platform,
            rules=[
                s3.LifecycleRule(prefix="facts/", expiration=WRITTEN_KEPT),
                s3.LifecycleRule(prefix="results/", expiration=RESULTS_KEPT),
            ],
        )
        database = f"norain_{platform.stage}"
        glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=database),
        )
        for table, folder, parquet in (
            ("facts_written", "facts", False),
            ("facts", "kept", True),
        ):
            made = self._table(database, table, folder, parquet=parquet)
            made.add_dependency(self.node.find_child("Database"))  # type: ignore[arg-type]
        work_group = f"norain-{platform.stage}"
        athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=work_group,
            recursive_delete_option=platform.disposable,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.bucket.bucket_name}/results/"
                ),
            ),
        )
        self._write(platform, data)
        self._keep(platform, database, work_group)
        CfnOutput(self, "Bucket", value=self.bucket.bucket_name)

    def _table(self, database: str, name: str, folder: str, *, parquet: bool) -> glue.CfnTable:
        column = glue.CfnTable.ColumnProperty
        columns = [
            *(column(name=text, type="string") for text in TEXTS[:1]),
            column(name="revision", type="bigint"),
            *(column(name=text, type="string") for text in TEXTS[1:]),
            *(column(name=figure, type="bigint") for figure in FIGURES),
        ]
        place = f"s3://{self.bucket.bucket_name}/{folder}/"
        hadoop = "org.apache.hadoop"
        return glue.CfnTable(
            self,
            name,
            catalog_id=Aws.ACCOUNT_ID,
            database_name=database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                partition_keys=[column(name="dt", type="string")],
                parameters={
                    "projection.enabled": "true",
                    "projection.dt.type": "date",
                    "projection.dt.format": "yyyy-MM-dd",
                    "projection.dt.range": f"{FIRST_YEAR},NOW+1DAY",
                    "storage.location.template": f"{place}dt=${{dt}}/",
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=columns,
                    location=place,
                    input_format=f"{PARQUET}.MapredParquetInputFormat"
                    if parquet
                    else f"{hadoop}.mapred.TextInputFormat",
                    output_format=f"{PARQUET}.MapredParquetOutputFormat"
                    if parquet
                    else f"{hadoop}.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{PARQUET}.serde.ParquetHiveSerDe"
                        if parquet
                        else JSON_ROWS
                    ),
                ),
            ),
        )

    def _write(self, platform: Platform, data: Data) -> None:
        write_history = Function(
            self,
            "Write",
            platform,
            handler="functions.kpis.write_history.handler",
            description="writes what each count of an order has added to the history",
            timeout_seconds=60,
            environment={"NORAIN_HISTORY": self.bucket.bucket_name},
        )
        write_history.allow(["s3:PutObject"], [self.bucket.arn_for_objects("facts/*")])
        StreamSubscription(
            self,
            "Counted",
            platform,
            table=data[schema.KPIS],
            worker=write_history,
            failed=data.failed_records,
            keys={"pk": "COUNTED#"},
        )

    def _keep(self, platform: Platform, database: str, work_group: str) -> None:
        keep_history = Function(
            self,
            "Keep",
            platform,
            handler="functions.kpis.keep_history.handler",
            description="keeps the history of the days before as Parquet",
            timeout_seconds=KEEP_SECONDS,
            environment={
                "NORAIN_HISTORY_DATABASE": database,
                "NORAIN_HISTORY_WORK_GROUP": work_group,
            },
        )
        here = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
        keep_history.allow(
            ["athena:StartQueryExecution", "athena:GetQueryExecution"],
            [f"arn:{Aws.PARTITION}:athena:{here}:workgroup/{work_group}"],
        )
        keep_history.allow(
            ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions", "glue:GetPartition"],
            [
                f"arn:{Aws.PARTITION}:glue:{here}:catalog",
                f"arn:{Aws.PARTITION}:glue:{here}:database/{database}",
                f"arn:{Aws.PARTITION}:glue:{here}:table/{database}/*",
            ],
        )
        keep_history.allow(
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            [self.bucket.bucket_arn],
        )
        keep_history.allow(
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            [self.bucket.arn_for_objects("*")],
        )
        Schedule(self, "KeepEveryDay", platform, keep_history, DAY_MINUTES)
