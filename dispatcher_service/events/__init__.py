"""Events: what has changed, told to whoever watches."""
