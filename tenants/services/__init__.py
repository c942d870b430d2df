"""What the cabinet, the API and the CLI do: one module per use-case area; all writes happen here."""
