"""gRPC as all three services use it: servers, clients, local clients, errors and credentials."""
