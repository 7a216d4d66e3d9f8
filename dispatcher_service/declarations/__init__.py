"""Which methods are in force, and by which declarations: followed, joined, and swapped as one value."""
