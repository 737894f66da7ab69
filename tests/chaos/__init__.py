"""The fault suite: a whole cluster under seeded faults, judged from outside. `python -m tests.chaos --help`."""
