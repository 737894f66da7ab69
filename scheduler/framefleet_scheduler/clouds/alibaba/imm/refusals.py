"""How IMM refuses. Pure.

The codes are those of the vendor's public table of errors; its form for what is not supported is that of the older API, since
the newer one's table names none.
"""

from __future__ import annotations

import re

from framefleet_scheduler.clouds.call import Refusal


def invalid(path: str, message: str) -> Refusal:
    """A parameter that cannot be taken; `path`: `Targets[0].Video`."""
    return Refusal("InvalidArgument", f"{path}: {message}" if path else message)


def missing(path: str) -> Refusal:
    """A parameter that has to be given."""
    return Refusal("InvalidArgument", f"The parameter {path} is required but not provided.")


def unsupported(path: str, message: str) -> Refusal:
    """What the vendor can do and we cannot."""
    leaf = re.sub(r"\[\d+\]", "", path.rsplit(".", 1)[-1])
    return Refusal(f"InvalidParameter.{leaf}.NotSupported", f"{path} is not supported here: {message}")


def limit_exceeded(message: str) -> Refusal:
    """More than may be."""
    return Refusal("LimitExceededError", message)


def not_found(message: str) -> Refusal:
    """There is no such thing."""
    return Refusal("ResourceNotFound", message)
