"""Pictures of kinds that Pillow leaves to packages of their own, loaded when one is met."""
