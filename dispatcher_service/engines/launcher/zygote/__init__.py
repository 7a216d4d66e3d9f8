"""What runs in a warm interpreter, of whatever version of Python that is. The standard library only."""
