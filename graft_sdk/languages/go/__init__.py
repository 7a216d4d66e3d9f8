"""Go, with nothing but the standard library."""
