"""What authors of methods need: declarations out of Python files, beginnings of methods, trials in the sandbox."""
