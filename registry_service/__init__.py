"""The registry: what exists, and who may."""
