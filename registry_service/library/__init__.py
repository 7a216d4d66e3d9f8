"""The resources directory as the registry holds it: read, watched, published."""
