"""Python, with nothing but the standard library."""
