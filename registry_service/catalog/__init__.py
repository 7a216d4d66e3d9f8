"""What exists: extension versions, links, declarations."""
