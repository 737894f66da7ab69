"""Prometheus rules, dashboards and runbooks: what operators see."""
