"""The path of a call: checks, the run, and what its end means to the caller."""
