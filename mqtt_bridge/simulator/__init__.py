"""Simulated DJI docks and controllers: real MQTT clients that know nothing of the server's code or database.

They are written from the protocol alone, so that they also check what the server understands of it.
"""
