"""The emulator's refusals, as a table: the code that SDKs raise and the sentence that Cognito says.

Duty: one row a refusal. Prohibition: no logic, and no password, code, secret or token in a message.
Source: the `errors` lists of botocore's models; the sentences are those that client libraries are known to match on.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered: `code` is the `__type`, `message` may have `{names}` to fill in."""

    code: str
    message: str
    status: int = 400


class AwsError(Exception):
    """A refusal on its way to the caller, as AWS JSON or as the XML of STS."""

    def __init__(self, refusal: Refusal, **names: object) -> None:
        """`names` fill the places in the refusal's message: names and ids only."""
        self.code = refusal.code
        self.message = refusal.message.format(**names) if names else refusal.message
        self.status = refusal.status
        super().__init__(self.code, self.message)


class PortBusy(OSError):
    """Another program listens on the port that the emulator was given."""

    def __init__(self, port: int) -> None:
        """`port` is named in the message; the command line adds the option that changes it."""
        super().__init__(f"port {port} is already in use")
        self.port = port


class StateError(Exception):
    """The state file cannot be used. It is left as it is."""


# the wire
UNKNOWN_OPERATION = Refusal("UnknownOperationException", "The operation is not known.")
NOT_EMULATED = Refusal("UnsupportedOperationException", "The emulator does not have {operation}.")
NOT_JSON = Refusal("SerializationException", "The request body is not a JSON object.")
WRONG_TYPE = Refusal("SerializationException", "{found} can not be converted to {wanted} at '{place}'.")
CONSTRAINT = Refusal(
    "InvalidParameterException", "1 validation error detected: {value} failed to satisfy constraint: {rule}"
)
INTERNAL = Refusal("InternalErrorException", "The emulator failed.", 500)
INVALID_PARAMETER = Refusal("InvalidParameterException", "{reason}")
BAD_PAGE = Refusal("InvalidParameterException", "The pagination token is not valid.")
BAD_FILTER = Refusal("InvalidParameterException", "Error while parsing filter.")
BAD_SEARCH = Refusal("InvalidParameterException", "Invalid search attribute: {name}")

# who asks
NO_SIGNATURE = Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
INCOMPLETE_SIGNATURE = Refusal("IncompleteSignatureException", "Authorization header requires '{part}' parameter.")
NO_DATE = Refusal(
    "IncompleteSignatureException", "Authorization header requires existence of a valid 'X-Amz-Date' header."
)
UNKNOWN_KEY = Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
EXPIRED_KEY = Refusal("ExpiredTokenException", "The security token included in the request is expired")
WRONG_SCOPE = Refusal("InvalidSignatureException", "Credential should be scoped to {wanted}.")
NOT_SIGNED = Refusal("InvalidSignatureException", "'{name}' must be a 'SignedHeader' in the AWS Authorization.")
OLD_SIGNATURE = Refusal(
    "InvalidSignatureException", "Signature expired: {signed} is now earlier than {limit} ({now} - 5 min.)"
)
EARLY_SIGNATURE = Refusal(
    "InvalidSignatureException", "Signature not yet current: {signed} is still later than {limit} ({now} + 5 min.)"
)
WRONG_SIGNATURE = Refusal(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method.",
)
ACCESS_DENIED = Refusal(
    "AccessDeniedException",
    "User: {principal} is not authorized to perform: {action} on resource: {resource} "
    "because no identity-based policy allows the {action} action",
)

# things that are not there
NO_POOL = Refusal("ResourceNotFoundException", "User pool {pool} does not exist.")
NO_CLIENT = Refusal("ResourceNotFoundException", "User pool client {client} does not exist.")
NO_GROUP = Refusal("ResourceNotFoundException", "Group not found.")
NO_USER = Refusal("UserNotFoundException", "User does not exist.")
NO_USER_OR_CLIENT = Refusal("UserNotFoundException", "Username/client id combination not found.")
NO_IDENTITY_POOL = Refusal("ResourceNotFoundException", "IdentityPool '{pool}' not found.")
NO_IDENTITY = Refusal("ResourceNotFoundException", "Identity '{identity}' not found.")

# sign-in
WRONG_PASSWORD = Refusal("NotAuthorizedException", "Incorrect username or password.")
USER_DISABLED = Refusal("NotAuthorizedException", "User is disabled.")
NOT_CONFIRMED = Refusal("UserNotConfirmedException", "User is not confirmed.")
MUST_RESET = Refusal("PasswordResetRequiredException", "Password reset required for the user")
BAD_SESSION = Refusal("NotAuthorizedException", "Invalid session for the user.")
OLD_SESSION = Refusal("NotAuthorizedException", "Invalid session for the user, session is expired.")
NO_SECRET_HASH = Refusal(
    "NotAuthorizedException", "Client {client} is configured with secret but SECRET_HASH was not received"
)
WRONG_SECRET_HASH = Refusal("NotAuthorizedException", "Unable to verify secret hash for client {client}")
FLOW_OFF = Refusal("InvalidParameterException", "{flow} flow not enabled for this client")
FLOW_UNSUPPORTED = Refusal("InvalidParameterException", "Initiate Auth method not supported.")
MISSING = Refusal("InvalidParameterException", "Missing required parameter {name}")
BAD_MFA_CODE = Refusal("CodeMismatchException", "Invalid code or auth state for the user.")
BAD_TOTP_CODE = Refusal("EnableSoftwareTokenMFAException", "Code mismatch")
NO_TOTP = Refusal("InvalidParameterException", "User has not verified software token mfa")
NO_PHONE = Refusal("InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
NO_EMAIL = Refusal("InvalidParameterException", "User does not have delivery config set to turn on EMAIL_OTP")

# tokens
BAD_ACCESS_TOKEN = Refusal("NotAuthorizedException", "Invalid Access Token")
OLD_ACCESS_TOKEN = Refusal("NotAuthorizedException", "Access Token has expired")
DEAD_ACCESS_TOKEN = Refusal("NotAuthorizedException", "Access Token has been revoked")
WEAK_ACCESS_TOKEN = Refusal("NotAuthorizedException", "Access Token does not have required scopes")
BAD_REFRESH_TOKEN = Refusal("NotAuthorizedException", "Invalid Refresh Token")
OLD_REFRESH_TOKEN = Refusal("NotAuthorizedException", "Refresh Token has expired")
DEAD_REFRESH_TOKEN = Refusal("NotAuthorizedException", "Refresh Token has been revoked")
REUSED_REFRESH_TOKEN = Refusal("RefreshTokenReuseException", "Refresh token has been used already")
NOT_REVOCABLE = Refusal("UnsupportedTokenTypeException", "Unsupported token type")
FOREIGN_TOKEN = Refusal("UnauthorizedException", "The token was not issued to this client.")

# users, passwords, codes
USER_EXISTS = Refusal("UsernameExistsException", "User already exists")
ALIAS_EXISTS = Refusal("AliasExistsException", "An account with the given {name} already exists.")
WEAK_PASSWORD = Refusal("InvalidPasswordException", "Password did not conform with policy: {rule}")
NOT_IN_SCHEMA = Refusal("InvalidParameterException", "user.{name}: Attribute does not exist in the schema.\n")
NOT_MUTABLE = Refusal("InvalidParameterException", "user.{name}: Attribute cannot be updated.\n")
NOT_WRITABLE = Refusal("NotAuthorizedException", "A client attempted to write unauthorized attribute")
NOT_CONFIRMABLE = Refusal("NotAuthorizedException", "User cannot be confirmed. Current status is {status}")
ALREADY_CONFIRMED = Refusal("InvalidParameterException", "User is already confirmed.")
NOT_RESETTABLE = Refusal("NotAuthorizedException", "User password cannot be reset in the current state.")
NO_CONTACT = Refusal(
    "InvalidParameterException",
    "Cannot reset password for the user as there is no registered/verified email or phone_number",
)
NO_INVITATION = Refusal(
    "UnsupportedUserStateException", "Resend not possible. {user} status is not FORCE_CHANGE_PASSWORD"
)
BAD_CODE = Refusal("CodeMismatchException", "Invalid verification code provided, please try again.")
OLD_CODE = Refusal("ExpiredCodeException", "Invalid code provided, please request a code again.")

# identity pools
BAD_LOGIN = Refusal("NotAuthorizedException", "Invalid login token. Not a valid OpenId Connect identity token.")
OLD_LOGIN = Refusal("NotAuthorizedException", "Invalid login token. Token expired.")
WRONG_LOGIN = Refusal("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
NO_LOGIN = Refusal("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
FOREIGN_IDENTITY = Refusal(
    "NotAuthorizedException",
    "Logins don't match. Please include at least one valid login for this identity or identity pool.",
)
NO_ROLE = Refusal(
    "InvalidIdentityPoolConfigurationException",
    "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
)
