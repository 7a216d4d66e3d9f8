"""The language C#."""
