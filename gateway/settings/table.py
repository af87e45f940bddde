"""The table of settings: everything that an operator can set, as data.

Duty: each setting's name, default, meaning and what its value must look like. `.env.example` and the tables of
`docs/settings.md` are written from it by `scripts/settings`.
Prohibition: no parsing here, and nothing that is not for an operator to set.
"""

from gateway.settings.setting import Setting

PLACEHOLDER = "change-me"
"""What stands in `.env.example` for values that only the operator knows. It is refused wherever it is read."""
MOST_BODY_BYTES = 1_048_576
MOST_TOKEN_BYTES = 65_536
MOST_CONNECT_SECONDS = 30
MOST_SECONDS = 60
MOST_WORKERS = 64
MOST_PORT = 65_535
LEAST_ROTATE_BYTES = 65_536  # more than the longest line
MOST_ROTATE_BYTES = 9_999_999_999
MOST_KEPT_FILES = 1_000_000

_POOL = "The pool"
_KEYS = "The keys that sign"
_ENDPOINTS = "Endpoints"
_CALLERS = "Callers and the policy"
_AUDIT = "Audit and state"
_LIMITS = "Limits"
_SERVER = "The server (`gateway serve`)"

_ENDPOINT = "https://host or https://host:port; http:// to loopback only; no path, query or password"
_SWITCH = "true or false"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="COGNITO_USER_POOL_ID",
        group=_POOL,
        required=True,
        meaning="the user pool whose users call and are managed; its prefix is the region",
        wanted="a user pool's id: region, underscore, letters and digits, such as us-east-1_EXAMPLE",
        example="us-east-1_EXAMPLE",
    ),
    Setting(
        name="COGNITO_CLIENT_IDS",
        group=_POOL,
        required=True,
        meaning="the app clients, people's and machines', whose tokens are accepted",
        wanted="app client ids, comma-separated, without spaces; each 1 to 128 letters, digits, _ or +",
        example="exampleclient1,exampleclient2",
    ),
    Setting(
        name="COGNITO_CLIENT_SECRETS",
        group=_POOL,
        secret=True,
        meaning="secrets of confidential app clients, with which the gateway adds SECRET_HASH to their calls",
        wanted="client_id=secret pairs, comma-separated, without spaces",
    ),
    Setting(
        name="COGNITO_IDENTITY_POOL_ID",
        group=_POOL,
        meaning="the identity pool that gives users AWS credentials; setting it switches those operations on",
        wanted="an identity pool's id: region, colon, lower-case UUID",
        example="us-east-1:00000000-0000-4000-8000-000000000000",
    ),
    Setting(
        name="COGNITO_DOMAIN",
        group=_POOL,
        meaning="managed login and the token endpoint, for the console and `gateway login`",
        wanted="the pool's domain: https://host, or the host alone with at least one dot; no path",
        example="https://login.example.com",
    ),
    Setting(
        name="AWS_REGION",
        group=_POOL,
        unset="the pool's",
        meaning="the region to sign for; it is never needed and must agree with the pool",
        wanted="the region that the pool's id begins with",
        example="us-east-1",
    ),
    Setting(
        name="AWS_ACCOUNT_ID",
        group=_POOL,
        meaning="the account that `gateway iam-policy` writes into the pool's ARN",
        wanted="12 digits",
        example="123456789012",
    ),
    Setting(
        name="AWS_ACCESS_KEY_ID",
        group=_KEYS,
        required=True,
        secret=True,
        meaning="the IAM user's access key id; required unless AWS_CREDENTIALS is set",
        wanted="an access key id: letters, digits and _, nothing around it (or AWS_CREDENTIALS instead)",
    ),
    Setting(
        name="AWS_SECRET_ACCESS_KEY",
        group=_KEYS,
        required=True,
        secret=True,
        meaning="its secret access key; required unless AWS_CREDENTIALS is set",
        wanted="the secret access key, without spaces (or AWS_CREDENTIALS instead)",
    ),
    Setting(
        name="AWS_SESSION_TOKEN",
        group=_KEYS,
        secret=True,
        meaning="the session token, if the keys are temporary ones",
        wanted="the session token that came with the two keys, without spaces",
    ),
    Setting(
        name="AWS_CREDENTIALS",
        group=_KEYS,
        secret=True,
        multiline=True,
        meaning="the keys, and those to rotate to, in one value; the three settings above are then not read",
        wanted='JSON: {"current": {"access_key_id": …, "secret_access_key": …, "session_token"?: …}, "next"?: {…}}',
    ),
    Setting(
        name="AWS_ROLE_ARN",
        group=_KEYS,
        meaning="sign with temporary credentials of this role, which the keys above assume",
        wanted="a role's ARN in the pool's partition, such as arn:aws:iam::123456789012:role/gateway",
        example="arn:aws:iam::123456789012:role/gateway",
    ),
    Setting(
        name="COGNITO_ENDPOINT_URL",
        group=_ENDPOINTS,
        unset="the region's",
        meaning="Cognito's endpoint, for FIPS, private endpoints and emulators",
        wanted=_ENDPOINT,
        example="https://cognito-idp-fips.us-east-1.amazonaws.com",
    ),
    Setting(
        name="COGNITO_IDENTITY_ENDPOINT_URL",
        group=_ENDPOINTS,
        unset="the region's",
        meaning="the endpoint of identity pools; by default that of the identity pool's own region",
        wanted=_ENDPOINT,
        example="https://cognito-identity-fips.us-east-1.amazonaws.com",
    ),
    Setting(
        name="STS_ENDPOINT_URL",
        group=_ENDPOINTS,
        unset="the region's",
        meaning="the endpoint that AWS_ROLE_ARN is assumed at",
        wanted=_ENDPOINT,
        example="https://sts-fips.us-east-1.amazonaws.com",
    ),
    Setting(
        name="COGNITO_ISSUER",
        group=_ENDPOINTS,
        unset="both of the pool's",
        meaning="the only issuer accepted; by default both `cognito-idp.` and `issuer-cognito-idp.` forms are",
        wanted="the URL in the pool's tokens, ending in the pool's id; http:// to loopback only",
        example="https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
    ),
    Setting(
        name="COGNITO_JWKS_URL",
        group=_ENDPOINTS,
        unset="the issuer's",
        meaning="where the pool's public keys are fetched, whatever the issuer",
        wanted="https://host/path; http:// to loopback only; no query or password",
        example="https://keys.example.com/us-east-1_EXAMPLE/.well-known/jwks.json",
    ),
    Setting(
        name="GATEWAY_ALLOW_HTTP",
        group=_ENDPOINTS,
        default="false",
        meaning="also allow http:// to other machines: anyone on the way reads what is sent; warns at start",
        wanted=_SWITCH,
    ),
    Setting(
        name="GATEWAY_POLICY",
        group=_CALLERS,
        unset="built-in",
        multiline=True,
        meaning="who may do what: the path of a TOML file, or the TOML itself",
        wanted="the path of a TOML file that can be read, or the TOML itself",
        example="policy.toml",
    ),
    Setting(
        name="GATEWAY_TOKEN_USE",
        group=_CALLERS,
        default="access",
        meaning="which tokens are accepted as bearers; `access,id` for clients that send ID tokens",
        wanted="access or access,id",
    ),
    Setting(
        name="GATEWAY_ALLOWED_ORIGINS",
        group=_CALLERS,
        meaning="the web origins whose pages may call (CORS); `*` and `null` are refused",
        wanted="origins as browsers write them, comma-separated, in lower case: https://host[:port], no final slash",
        example="https://app.example.com,http://localhost:5173",
    ),
    Setting(
        name="GATEWAY_TRUSTED_PROXIES",
        group=_CALLERS,
        meaning="the proxies in front of the gateway: what they say in X-Forwarded-For is believed",
        wanted="networks or addresses, comma-separated, without spaces, such as 10.0.0.0/8; not the whole Internet",
        example="10.0.0.0/8,fd00::/8",
    ),
    Setting(
        name="GATEWAY_AUDIT",
        group=_AUDIT,
        default="stdout",
        meaning="where the audit is written; several workers write one file each, their number before its suffix",
        wanted="stdout, file:PATH, or a collector's URL: https://host[:port][/path][?query], http:// to loopback only",
    ),
    Setting(
        name="GATEWAY_AUDIT_REQUIRED",
        group=_AUDIT,
        default="true",
        meaning="no audit, no action; `false` lets calls through while the audit cannot be written, and warns at start",
        wanted=_SWITCH,
    ),
    Setting(
        name="GATEWAY_AUDIT_TOKEN",
        group=_AUDIT,
        secret=True,
        meaning="what the audit's collector wants to be shown, sent as `Authorization: Bearer`",
        wanted="the collector's token, without spaces",
    ),
    Setting(
        name="GATEWAY_AUDIT_ROTATE_BYTES",
        group=_AUDIT,
        unset="never",
        meaning="rotate an audit file before it grows beyond this size; the chain goes on in the new one",
        wanted=f"a whole number from {LEAST_ROTATE_BYTES} to {MOST_ROTATE_BYTES}",
        example="104857600",
    ),
    Setting(
        name="GATEWAY_AUDIT_KEEP_FILES",
        group=_AUDIT,
        unset="all",
        meaning="how many rotated audit files are kept, of each worker; older ones are deleted for good",
        wanted=f"a whole number from 1 to {MOST_KEPT_FILES}",
        example="30",
    ),
    Setting(
        name="GATEWAY_STORE",
        group=_AUDIT,
        unset="memory",
        secret=True,
        meaning="the state that replicas share: counters, refused tokens, answers to repeated requests",
        wanted="memory, or a Redis: rediss://[user:password@]host[:port][/database], redis://…, unix:///path",
    ),
    Setting(
        name="GATEWAY_MAX_BODY_BYTES",
        group=_LIMITS,
        default="65536",
        meaning="the largest request body",
        wanted=f"a whole number from 1 to {MOST_BODY_BYTES}",
    ),
    Setting(
        name="GATEWAY_MAX_TOKEN_BYTES",
        group=_LIMITS,
        default="8192",
        meaning="the longest token",
        wanted=f"a whole number from 1 to {MOST_TOKEN_BYTES}",
    ),
    Setting(
        name="GATEWAY_CONNECT_TIMEOUT_SECONDS",
        group=_LIMITS,
        default="3",
        meaning="how long a connection to Cognito may take to open",
        wanted=f"seconds, more than 0 and at most {MOST_CONNECT_SECONDS}",
    ),
    Setting(
        name="GATEWAY_TIMEOUT_SECONDS",
        group=_LIMITS,
        default="15",
        meaning="how long a whole call to Cognito may take, connecting included",
        wanted=f"seconds, at least GATEWAY_CONNECT_TIMEOUT_SECONDS and at most {MOST_SECONDS}",
    ),
    Setting(
        name="GATEWAY_HOST",
        group=_SERVER,
        default="127.0.0.1",
        meaning="the address to listen on; `--host` overrides it",
        wanted="a host name or an address, without brackets or port",
    ),
    Setting(
        name="PORT",
        group=_SERVER,
        default="8080",
        meaning="the port to listen on; `--port` overrides it",
        wanted=f"a whole number from 1 to {MOST_PORT}",
    ),
    Setting(
        name="WEB_CONCURRENCY",
        group=_SERVER,
        default="1",
        meaning="how many worker processes; `--workers` overrides it",
        wanted=f"a whole number from 1 to {MOST_WORKERS}",
    ),
)
