"""The query language and the request bodies of Ambari's REST interface, on plain values: no HTTP, no gRPC."""
