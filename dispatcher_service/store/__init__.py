"""The dispatcher's store: the only place that knows SQL."""
