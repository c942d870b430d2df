"""One module per section of the cabinet."""
