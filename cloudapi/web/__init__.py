"""The web server: Daphne, with bounds on clients, and patience with those that are slow to read."""
