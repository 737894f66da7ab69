"""The ports' real ends: Redis, RabbitMQ, S3, directory, embedded. Know the domain, not the services."""
