"""The engine `native`: sandboxes that Graft builds itself, by system calls alone."""
