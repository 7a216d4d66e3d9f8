"""The MCP end point: what a session may call, as tools for language models."""
