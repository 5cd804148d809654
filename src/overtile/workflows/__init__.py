"""The verbs: what the command line and the Python functions do."""
