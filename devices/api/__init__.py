"""HTTP API of devices, as DJI's contract has it."""
