"""The registry's migrations."""
