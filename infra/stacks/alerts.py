"""The topic of the stage that every alarm tells: whoever is on duty subscribes to it."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.platform import Platform


class Alerts(Stack):
    """``-c alerts_email=...`` subscribes a mailbox; pagers and chats subscribe themselves."""

    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.topic = sns.Topic(self, "Topic", display_name=f"NoRain {platform.stage}")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if platform.alerts_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(platform.alerts_email))
        CfnOutput(self, "AlertsTopicArn", value=self.topic.topic_arn)
