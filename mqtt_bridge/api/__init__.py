"""HTTP API of accounts and controllers: the part of DJI's contract that hands out broker accounts."""
