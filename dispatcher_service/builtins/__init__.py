"""The methods that are a part of the dispatcher itself."""
