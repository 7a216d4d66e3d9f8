"""Executables that become methods by lying in the extensions directory."""
