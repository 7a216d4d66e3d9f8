"""The reference of every declared method: pure functions from an `Api` to pages in HTML and Markdown."""
