"""The hooks of management packs: scripts that the registry has run here, behind the walls of calls."""
