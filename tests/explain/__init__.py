"""Explanations of codes: every wrong example makes its code, every right one nothing."""
