"""Links of extension versions to stack versions."""
