"""How networks execute on the machine at hand."""
