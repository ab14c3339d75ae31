"""Networks that other programs trained, read as ours; one module for each architecture."""
