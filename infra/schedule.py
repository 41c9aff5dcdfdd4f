"""A function that runs on a schedule, with retries, dead letters and an alarm on its silence."""

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
    """Runs ``function`` every ``minutes`` minutes.

    A run that cannot be started is retried until the next one is due. A run that fails is retried
    twice, but only in schedules of RARE_MINUTES or more: in others the next run does the same work
    soon. A run that is given up goes to the dead letters with its error. An alarm rings when the
    function has not run for two periods.
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
            problem=f"{function.handler} has not run on schedule",
            first_step="is its rule enabled, does it time out, is the account out of concurrency?",
            metric=function.function.metric_invocations(
                period=Duration.minutes(max(minutes, 5)), statistic="Sum"
            ),
            below=1,
            periods=2,
            missing_rings=True,
        )
