"""What goes wrong in a way that a user can mend."""


class ConfigError(ValueError):
    """A choice that cannot work; the message is one sentence that says what to change."""
