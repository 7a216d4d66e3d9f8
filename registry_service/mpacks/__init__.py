"""Management packs: archives that install extensions, services and stacks (setupMpacks.py)."""
