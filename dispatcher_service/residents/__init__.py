"""Resident methods: processes that stay and answer many calls over a framed pipe."""
