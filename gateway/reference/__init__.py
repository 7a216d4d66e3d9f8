"""The reference of all methods, at `/docs`."""
