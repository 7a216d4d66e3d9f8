"""One module for each group of commands. Each imports what it needs when it runs, so that `graft --help` is quick."""
