"""The Helm chart and the dashboards, rendered and checked."""
