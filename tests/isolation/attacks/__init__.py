"""The attacks, by subject; run inside, so of the standard library only."""
