"""Engines whose walls an OCI runtime builds: crun, runc, or gVisor's runsc with a kernel of its own."""
