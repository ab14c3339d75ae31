"""Many images, one after another or side by side: what becomes what, and how it went."""
