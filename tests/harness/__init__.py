"""What tests share: the one place that knows how to call what they test."""
