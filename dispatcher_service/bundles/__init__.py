"""Bundles of methods: fetched from the registry, kept by their digests, and handed on to what joins declarations."""
