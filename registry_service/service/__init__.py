"""The gRPC services: they translate, and nothing else."""
