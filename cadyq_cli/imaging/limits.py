"""Limits that a command line may name before anything heavy is loaded."""

MAX_PIXELS = 250_000_000  # of an input, unless told otherwise
