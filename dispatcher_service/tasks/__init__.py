"""Tasks: one for each asynchronous call, from its acceptance until it is forgotten."""
