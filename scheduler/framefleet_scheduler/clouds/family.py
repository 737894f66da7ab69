"""What dialects of one vendor have in common: how answers and refusals are wrapped, and how parameters are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from framefleet_scheduler.clouds.call import Front, Refusal
from framefleet_scheduler.clouds.gate import Refused
from framefleet_scheduler.clouds.signatures import Claim
from framefleet_scheduler.clouds.wire import Answer, RawRequest


class Family(Protocol):
    """One vendor's way to wrap things. Pure."""

    fronts: Mapping[str, Front]
    """By version of the API."""

    def new_request_id(self) -> str:
        """In the vendor's form."""

    def success(self, request_id: str, body: Mapping[str, Any]) -> Answer:
        """What an operation answers."""

    def failure(self, request_id: str, refusal: Refusal) -> Answer:
        """A refusal, so that the vendor's SDK raises its own exception with code, message and request id."""

    def shut(self, refused: Refused) -> Refusal:
        """What the gate refuses, in the vendor's words."""

    def unknown_version(self, version: str) -> Refusal:
        """There is no such API."""

    def unknown_action(self, action: str) -> Refusal:
        """There is no such operation."""

    def malformed(self, message: str) -> Refusal:
        """The parameters cannot be read."""

    def too_large(self, message: str) -> Refusal:
        """The body is larger than it may be, or did not come in time."""

    def unavailable(self, message: str) -> Refusal:
        """A service we depend on is away."""

    def broken(self) -> Refusal:
        """A defect of ours."""

    def parameters(self, request: RawRequest, claim: Claim) -> dict[str, Any]:
        """The operation's parameters, without those of the protocol. Raises ValueError with a sentence."""
