"""An edge gateway for Amazon Cognito."""

__version__ = "0.1.0"  # as in pyproject.toml: at the edge there is no installed distribution to ask
