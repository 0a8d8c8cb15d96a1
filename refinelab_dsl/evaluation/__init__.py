"""What a set of items tells of models: how right they are, how far apart, and whether their order holds."""
