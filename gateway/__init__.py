"""An edge gateway for Amazon Cognito."""
