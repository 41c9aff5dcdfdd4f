"""A function that runs by the clock, and what happens when it fails or falls silent."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_destinations as destinations
from constructs import Construct

from infra.alarm import alarm
from infra.function import Function
from infra.platform import Platform
from infra.queue import dead_letter_queue

DELIVERIES = 5
RARE_MINUTES = 30
DAY_MINUTES = 24 * 60


class Schedule(Construct):
    """``function`` every so many ``minutes``.

    A run that cannot be started is tried again until the next one is due. One that fails is tried
    twice more when the next one is far; where it is near, that one does the same work. What is
    given up lies in the dead letters, with its error; no run at all for a while rings an alarm.
    """

    def __init__(
        self, scope: Construct, name: str, platform: Platform, function: Function, minutes: int
    ) -> None:
        super().__init__(scope, name)
        self.dead_letters = dead_letter_queue(self, platform)
        until_next = Duration.minutes(min(minutes, DAY_MINUTES))
        function.alias.configure_async_invoke(
            retry_attempts=2 if minutes >= RARE_MINUTES else 0,
            max_event_age=Duration.minutes(min(minutes, 6 * 60)),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )
        events.Rule(
            self,
            "Rule",
            schedule=events.Schedule.rate(Duration.minutes(minutes)),
            targets=[
                targets.LambdaFunction(
                    function.alias,
                    retry_attempts=DELIVERIES,
                    max_event_age=until_next,
                    dead_letter_queue=self.dead_letters,
                )
            ],
        )
        alarm(
            self,
            "Silent",
            problem=f"{function.handler} has not run when it was due",
            first_step="is its rule enabled, does it time out, is the account out of concurrency?",
            metric=function.function.metric_invocations(
                period=Duration.minutes(max(minutes, 5)), statistic="Sum"
            ),
            below=1,
            periods=2,
            missing_rings=True,
        )
