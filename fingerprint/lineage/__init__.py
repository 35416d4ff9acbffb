"""Whose child a network is: tuned from a parent, or taught by a teacher, told from its pictures."""

from fingerprint.lineage.evidence import Descent, Kind, read_descent, weigh
from fingerprint.lineage.traces import LEAST, Upscale, standings, strengths, trace

__all__ = ["LEAST", "Descent", "Kind", "Upscale", "read_descent", "standings", "strengths", "trace", "weigh"]
