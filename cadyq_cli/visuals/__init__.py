"""Figures of where the bits go."""
