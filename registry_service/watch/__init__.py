"""The stream of changes that the other services follow."""
