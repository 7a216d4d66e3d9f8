"""What the registry, the dispatcher, the gateway and the command line share."""
