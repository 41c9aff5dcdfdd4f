"""The topic that every alarm of the stage notifies: whoever is on duty subscribes to it."""

import jsii
from aws_cdk import Aspects, CfnOutput, Environment, IAspect, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct, IConstruct

from infra.platform import Platform


class Alerts(Stack):
    """Adds the topic to every alarm under ``scope``, also to those that are made later.

    ``-c alerts_email=...`` subscribes a mailbox; pagers and chats subscribe themselves.
    """

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
        Aspects.of(scope).add(_Notifies(self.topic))


@jsii.implements(IAspect)
class _Notifies:
    """An alarm notifies the topic when it rings, and when it is over."""

    def __init__(self, topic: sns.ITopic) -> None:
        self.action = actions.SnsAction(topic)

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, cloudwatch.Alarm):
            node.add_alarm_action(self.action)
            node.add_ok_action(self.action)
