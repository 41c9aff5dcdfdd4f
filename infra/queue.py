"""A queue whose messages a function processes, with its dead-letter queue and alarms."""

from aws_cdk import Duration
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarm import alarm
from infra.function import Function
from infra.platform import Platform

RECEIVES = 5


class Queue(Construct):
    """A message that fails RECEIVES times moves to ``dead_letters``, which rings an alarm.

    The worker itself sends a message that can never succeed there, at once and with the reason.
    """

    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, worker_timeout_seconds: int
    ) -> None:
        super().__init__(scope, name)
        self.dead_letters = dead_letter_queue(self, platform)
        self.queue = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(6 * worker_timeout_seconds),
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=platform.removal_policy,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=RECEIVES
            ),
        )

    def processed_by(
        self,
        worker: Function,
        *,
        batch_size: int,
        window_seconds: int,
        max_concurrency: int,
        oldest_seconds: int = 300,
    ) -> None:
        """``oldest_seconds`` is how long a message may wait before an alarm rings."""
        worker.alias.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_batching_window=Duration.seconds(window_seconds),
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )
        worker.function.add_environment("NORAIN_DEAD_LETTERS", self.dead_letters.queue_url)
        worker.allow(["sqs:SendMessage"], [self.dead_letters.queue_arn])
        alarm(
            self,
            "Age",
            problem=f"{worker.handler} does not keep up with its queue {self.node.id}",
            first_step="does it fail, or is it held back by max_concurrency?",
            metric=self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1)),
            at_least=oldest_seconds,
            periods=5,
        )

    def feeds_its_sender(self, worker: Function, variable: str, *, max_concurrency: int) -> None:
        """``worker`` sends itself portions of its work, and finds the queue in ``variable``."""
        self.processed_by(worker, batch_size=1, window_seconds=0, max_concurrency=max_concurrency)
        worker.function.add_environment(variable, self.queue.queue_url)
        worker.allow(["sqs:SendMessage"], [self.queue.queue_arn])


def dead_letter_queue(scope: Construct, platform: Platform) -> sqs.Queue:
    """Keeps failed messages for 14 days; its alarm rings as soon as there is one."""
    queue = sqs.Queue(
        scope,
        "DeadLetters",
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        removal_policy=platform.removal_policy,
    )
    alarm(
        scope,
        "DeadLettersAlarm",
        problem="a dead-letter queue has messages",
        first_step="`norain redrive --dry-run` shows the reasons; remove the cause, then redrive",
        metric=queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1)),
    )
    return queue
