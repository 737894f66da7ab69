"""RabbitMQ: the topology, a confirmed publisher, loops that consume. docs/rabbitmq.md says what is on the wire."""

from framefleet.adapters.rabbitmq.consumers import consume_reports, consume_submissions
from framefleet.adapters.rabbitmq.doctor import check
from framefleet.adapters.rabbitmq.events import events
from framefleet.adapters.rabbitmq.publisher import RabbitPublisher
from framefleet.adapters.rabbitmq.topology import declare_topology

__all__ = [
    "RabbitPublisher",
    "check",
    "consume_reports",
    "consume_submissions",
    "declare_topology",
    "events",
]
