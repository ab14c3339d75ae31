"""Colours that a file states otherwise than by an ICC profile, made into one."""
