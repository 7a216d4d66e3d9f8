"""The HTTP side of Graft: reads envelopes, calls the registry and the dispatcher, and writes envelopes."""
