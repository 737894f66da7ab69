"""Visionular AuroraCloud's dialect."""
