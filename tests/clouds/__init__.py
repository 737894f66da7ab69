"""The clouds' official SDKs, unmodified, against a `framefleet serve` of the test run."""
