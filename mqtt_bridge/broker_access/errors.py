"""What can go wrong between us and the broker, as sentences."""


class BrokerAccessError(Exception):
    """The broker refused a change of its accounts, or our own login."""


class BrokerUnreachable(BrokerAccessError):
    """Nothing answers at the broker's address."""
