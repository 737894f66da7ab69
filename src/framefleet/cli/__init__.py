"""The command line: one of the two composition roots, which alone may import the services."""
