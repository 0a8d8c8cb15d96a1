"""A checked spec as others read it: a graph of its declarations, and its documentation."""
