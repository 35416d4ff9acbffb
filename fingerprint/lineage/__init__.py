"""Whose child a network is, told from its pictures: tuned from a parent, or taught by its pictures or features."""

from fingerprint.lineage.evidence import Descent, Kind, read_descent, weigh
from fingerprint.lineage.traces import LEAST, Upscale, standings, strengths, trace

__all__ = ["LEAST", "Descent", "Kind", "Upscale", "read_descent", "standings", "strengths", "trace", "weigh"]
