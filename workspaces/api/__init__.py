"""HTTP API of users and workspaces, as DJI's contract has it."""
