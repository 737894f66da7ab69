"""The Python client over HTTP. Needs nothing but what `pip install framefleet` brings.

with HttpClient("https://framefleet.example.com", key_id, secret) as client:
    task = client.submit({"sources": [...], "targets": [...]})
    final = client.wait(task.id)
"""

from framefleet.http_client.client import HttpClient
from framefleet.http_client.failures import DownloadCorrupt, ServerUnavailable, UnexpectedAnswer
from framefleet.producer import NotEnded, Rejected, SubmittedTask

__all__ = [
    "DownloadCorrupt",
    "HttpClient",
    "NotEnded",
    "Rejected",
    "ServerUnavailable",
    "SubmittedTask",
    "UnexpectedAnswer",
]
