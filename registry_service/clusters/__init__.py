"""Clusters, and the services that are installed in them."""
