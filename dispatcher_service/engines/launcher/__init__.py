"""The launcher: the one small process that starts every call, and the dispatcher's end of the line to it."""
