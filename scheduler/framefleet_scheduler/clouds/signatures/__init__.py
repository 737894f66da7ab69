"""The signatures of the clouds' SDKs, a module for each scheme: pure, and without a clock, a key store or a network.

A door recognizes the scheme, lets its module read what the request claims, looks up the secret of the claim's key, asks whether the
signature is right, and only then looks at the claim's time and nonce.
"""

from framefleet_scheduler.clouds.signatures.claim import Claim, Malformed, Reason, Scheme
from framefleet_scheduler.clouds.signatures.recognize import recognize

__all__ = ["Claim", "Malformed", "Reason", "Scheme", "recognize"]
