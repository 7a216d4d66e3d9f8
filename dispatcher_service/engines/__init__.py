"""The engines: who builds the walls around a call."""
