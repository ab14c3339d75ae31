"""Bit maps: which width each patch of a picture gets, as numbers, figures and pages."""
