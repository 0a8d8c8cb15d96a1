"""Refine: specs of what a QA dataset should be, compiled into plans and executed with full provenance."""

__version__ = "0.1.0"
