"""Audits: items drawn for reviewers, and what their verdicts come to."""
