"""Picture files taken apart: what they say beside their pixels, and what the pixels need."""
