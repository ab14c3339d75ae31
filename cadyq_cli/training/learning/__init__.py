"""How a network learns: losses, optimisers, and the trainer that goes through the steps."""
