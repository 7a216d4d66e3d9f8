"""The REST interface of Ambari, translated to calls of the registry."""
