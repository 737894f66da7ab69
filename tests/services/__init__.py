"""Private throw-away services for tests: RabbitMQ, Redis and S3 on free ports, gone when the test run is gone."""

from tests.services.process import MissingService
from tests.services.prometheus import Prometheus
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Redis
from tests.services.s3 import S3

__all__ = ["S3", "MissingService", "Prometheus", "RabbitMQ", "Redis"]
