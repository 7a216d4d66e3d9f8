"""Rust, with nothing but the standard library."""
