"""The HTTP API: requests in, the scheduler's verbs called, errors as JSON. Decides nothing about tasks."""
