"""What commands can be told: options as dataclasses, and commands that are made of them."""
