"""Prompts: requests as values, rendering of templates, counting of tokens."""
