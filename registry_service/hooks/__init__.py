"""The hooks of management packs, run by a dispatcher: the registry starts no processes."""
