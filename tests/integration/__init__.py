"""Tests against private RabbitMQ, Redis and S3."""
