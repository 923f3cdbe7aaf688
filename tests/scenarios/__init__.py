"""Scenarios: what happens under an agreement, told as timelines and played to the engine."""
