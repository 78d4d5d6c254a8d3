"""The HTTP conventions of DJI's Cloud API: envelope, errors, pagination, paths. Nothing of our own data."""
