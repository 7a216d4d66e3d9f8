"""Each declared class as a gRPC service with messages of its own, made from the declarations in force."""
