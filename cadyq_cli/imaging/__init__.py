"""Pixels: files, colour, resizing, tiles. Arrays are (H, W) or (H, W, C); torch is unknown here."""
