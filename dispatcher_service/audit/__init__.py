"""The audit log of calls: taken without a wait, written in groups, read in pages."""
