"""What calls are given beyond their sandboxes, because an administrator has granted it."""
