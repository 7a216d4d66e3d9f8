"""The language Java."""
