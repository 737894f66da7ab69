"""The clouds' front doors: their SDKs' requests checked, read and answered in their own dialects. Decides nothing about tasks."""
