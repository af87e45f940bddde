// Written by scripts/client from the gateway's OpenAPI document: change the routes there, not this file.
export interface paths {
    "/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The audit's lines, newest first
         * @description For roles with `explain = true`, where the audit is a file; else 404. `*` in a name stands for anything, at most three times; case does not matter. `since` and `until` are times, or how long ago: `15m`, `2h`, `7d`. A page reads only so much: with a `cursor` there may be fewer lines than `limit`, or none, and older ones all the same. Compressed files are left out.
         */
        get: operations["listAuditLines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The pool's groups */
        get: operations["listGroups"];
        put?: never;
        /**
         * A new group
         * @description A name of dots, `.` or `..`, is refused: it could not stand in a path.
         */
        post: operations["createGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/groups/{group}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One group */
        get: operations["getGroup"];
        put?: never;
        post?: never;
        /** Delete a group; its members stay users */
        delete: operations["deleteGroup"];
        options?: never;
        head?: never;
        /** Change a group */
        patch: operations["updateGroup"];
        trace?: never;
    };
    "/admin/groups/{group}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The users in a group
         * @description `include=groups` asks for the groups of each user, which counts as a request of its own.
         */
        get: operations["listUsersInGroup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How this replica of the gateway is
         * @description For roles with `explain = true`. Without keys, tokens or paths; nobody is asked for it.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The policy in use, as data
         * @description For roles with `explain = true`.
         */
        get: operations["getPolicy"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The pool's users
         * @description Cognito filters by one clause. `filter` is `attribute=value` or `attribute^=beginning`, of username, email,
         *     phone_number, name, given_name, family_name, preferred_username, cognito:user_status, status (Enabled, Disabled) or sub.
         *     Several of `filter`, `status` and `group` together, and `search` (anywhere in user name, email, phone number, names or
         *     custom attributes, or the beginning of sub, in any case), are a bounded scan of the list: the answer then has `scanned`,
         *     the users that were looked at, and `complete`, which is false where the scan stopped before it had found a whole page or
         *     come to the end: go on with `cursor`. A page may be empty and have a `cursor` all the same. Attributes that the role may
         *     not read are not found by. `include=groups` asks for the groups of each user, which counts as a request of its own.
         */
        get: operations["listUsers"];
        put?: never;
        /**
         * A new user
         * @description Cognito sends an invitation with a temporary password, unless `sendInvitation` is false;
         *     `resendInvitation` sends it again to a user who has not used it yet. `email` is the same as `attributes.email`; null
         *     is an attribute without a value. `temporaryPassword`, `sendInvitation`, `resendInvitation`, `deliveryMediums`,
         *     `forceAliasCreation` and `validationData` need a role that names Cognito's member in `limits.members`.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One user
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. `include` adds `groups`, the names of its groups, and `mfa`, its second factors.
         */
        get: operations["getUser"];
        put?: never;
        post?: never;
        /**
         * Delete a user
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        /**
         * Set and delete attributes of a user
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. Attributes that are not named stay as they are; null deletes one; `email` is the same as
         *     `attributes.email`. Where some are set and others deleted, both are decided before the first is done, and set before
         *     deleted: should the second fail, the same request again is safe.
         */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/admin/users/{username}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm a sign-up without its code
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        post: operations["confirmUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Switch a user off; its tokens are refused from then on
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        post: operations["disableUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Switch a user on
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        post: operations["enableUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The groups of a user
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. By `sub:` it also asks for the user, which the role must be allowed to.
         */
        get: operations["listGroupsForUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/groups/{group}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Put a user into a group; its tokens of before are refused from then on
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. No error where it is in the group already.
         */
        put: operations["addUserToGroup"];
        post?: never;
        /**
         * Take a user out of a group; its tokens of before are refused from then on
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. No error where it is not in the group.
         */
        delete: operations["removeUserFromGroup"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/mfa": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Switch a user's second factors on and off
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. The factors that are named are switched on or off, the others stay as they are. `preferred` is the one that
         *     Cognito asks for first: it is switched on by that; null, beside the factors that it concerns, is none of them.
         */
        put: operations["setUserMfa"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set a user's password
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`. Unless `permanent` is false it stays; else the next sign-in changes it.
         */
        put: operations["setUserPassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a user choose a new password, by a code that Cognito sends
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        post: operations["resetUserPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/users/{username}/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a user's sessions; its tokens are refused from then on
         * @description `username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`.
         */
        post: operations["signOutUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/challenge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answer a challenge
         * @description Send back the challenge's `session` and `username` with the answer: `newPassword` (and `attributes`), `code`, `answer`, `password`, `srpA`, `credential`, or `secretBlock`, `signature` and `timestamp`; `responses` holds what else Cognito's ChallengeResponses may. `MFA_SETUP` without `code` gives the secret of an authenticator app, as text and as QR code, and a new `session`; with that and the app's `code` it goes on. Without `clientId` it is the first of the gateway's clients. With `cookie` the refresh token goes into an HttpOnly, SameSite=Strict cookie and not into the body: for pages of the gateway's own origin only, 403 for others. Where it is longer than browsers take, it stays in the body, `cookie` of the answer is false, and a cookie that was there is forgotten.
         */
        post: operations["answerChallenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/confirm-forgot-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a new password with the code that was sent
         * @description Without `clientId` it is the first of the gateway's clients. The answer to a name that does not exist is Cognito's, by the client's PreventUserExistenceErrors.
         */
        post: operations["confirmForgotPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/confirm-sign-up": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm a sign-up with the code that was sent
         * @description Without `clientId` it is the first of the gateway's clients.
         */
        post: operations["confirmSignUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/forgot-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a code that sets a new password
         * @description Without `clientId` it is the first of the gateway's clients. The answer to a name that does not exist is Cognito's, by the client's PreventUserExistenceErrors.
         */
        post: operations["forgotPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * New tokens for a refresh token
         * @description The refresh token is the body's, or else the cookie's; a client that rotates them gives a new one each time. `username` is needed only where the policy opens InitiateAuth and not GetTokensFromRefreshToken, for a client with a secret. Without `clientId` it is the first of the gateway's clients. With `cookie` the refresh token goes into an HttpOnly, SameSite=Strict cookie and not into the body: for pages of the gateway's own origin only, 403 for others. Where it is longer than browsers take, it stays in the body, `cookie` of the answer is false, and a cookie that was there is forgotten.
         */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/resend-code": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send the sign-up's code again
         * @description Without `clientId` it is the first of the gateway's clients. The answer to a name that does not exist is Cognito's, by the client's PreventUserExistenceErrors.
         */
        post: operations["resendCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in
         * @description Gives tokens, or the first challenge. `flow`: `password` (USER_PASSWORD_AUTH, the default; needs `password`), `srp` (USER_SRP_AUTH; needs `srpA`), `choice` (USER_AUTH), `custom` (CUSTOM_AUTH); the app client must have it on. Without `clientId` it is the first of the gateway's clients. With `cookie` the refresh token goes into an HttpOnly, SameSite=Strict cookie and not into the body: for pages of the gateway's own origin only, 403 for others. Where it is longer than browsers take, it stays in the body, `cookie` of the answer is false, and a cookie that was there is forgotten. Whether a name that does not exist is told apart from a wrong password is the app client's setting (PreventUserExistenceErrors).
         */
        post: operations["signIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign out, here or everywhere
         * @description Revokes the refresh token of the body, or else of the cookie: Cognito gives no more for it and refuses the access tokens that it gave; the gateway accepts them to their end where no role is `strict`. With `everywhere` it revokes all of the bearer's, and the gateway accepts none of its tokens any more. The browser forgets the cookie whose token has ended; another user's, or one with another token than the body's, stays, and an empty body ends it. Where Cognito will never revoke the cookie's token (a client without token revocation), its refusal is the answer, and the browser forgets the cookie all the same. Without anything to end it is done already: 204.
         */
        post: operations["signOut"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/sign-up": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign up
         * @description Without `clientId` it is the first of the gateway's clients. A pool without passwords needs none. A name that is taken is 409.
         */
        post: operations["signUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The signed-in user */
        get: operations["getMe"];
        put?: never;
        post?: never;
        /** Delete one's own account, for good */
        delete: operations["deleteMe"];
        options?: never;
        head?: never;
        /**
         * Change one's own attributes
         * @description Attributes that are not named stay as they are; null deletes one. Which of them a user may write is the app client's setting. A new email or phone number may have to be verified: `deliveries` says where codes went. Where some are set and others deleted, both are decided before the first is done.
         */
        patch: operations["updateMe"];
        trace?: never;
    };
    "/me/aws-credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * AWS credentials for the caller
         * @description In the form of the AWS CLI's `credential_process`. The bearer says who asks; `idToken` is the same person's ID token. Where the policy names an IAM role for one of the caller's roles, the credentials are that role's, for up to 12 hours, with the session tags `username`, `sub` and `source`; else the identity pool's. Which role it is, is never the caller's to say. The same credentials are given again until 80 % of their life is over. Those that were given live to their end, also when their owner is signed out.
         */
        post: operations["getMyAwsCredentials"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/mfa": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Switch one's own second factors on and off
         * @description The factors that are named are switched on or off, the others stay as they are. `preferred` is the one that
         *     Cognito asks for first: it is switched on by that; null, beside the factors that it concerns, is none of them.
         */
        put: operations["setMyMfa"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change one's own password
         * @description `currentPassword` may be missing only where the user has none yet. A wrong one is 400: 401 is said of the bearer only.
         */
        put: operations["changeMyPassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/permissions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the caller may do
         * @description For a page that shows only what works. Each call is judged anew: a guard (rank, self-lockout, last admin, takeover) may still refuse what stands here; a dry run asks about one call.
         */
        get: operations["getMyPermissions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Finish it with the app's code; `PUT /me/mfa` then switches it on */
        put: operations["finishMyTotp"];
        /**
         * Begin to set up an authenticator app
         * @description Gives a new secret, as text and as a QR code; one that was given before counts no more. `issuer` (the host that was asked) and `account` (the user's name) are what the app shows.
         */
        post: operations["beginMyTotp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Verify an attribute with the code that was sent */
        put: operations["verifyMyAttribute"];
        /** Send a code that verifies an attribute */
        post: operations["sendMyCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AnswerChallengeBody: {
            account?: string;
            answer?: string;
            /** @description Numbers and booleans are written as text. */
            attributes?: {
                [key: string]: string | number | boolean;
            };
            /** @enum {string} */
            challenge: "NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA" | "SMS_MFA" | "EMAIL_OTP" | "SMS_OTP" | "SELECT_MFA_TYPE" | "SELECT_CHALLENGE" | "MFA_SETUP" | "PASSWORD" | "PASSWORD_SRP" | "PASSWORD_VERIFIER" | "DEVICE_SRP_AUTH" | "DEVICE_PASSWORD_VERIFIER" | "CUSTOM_CHALLENGE" | "WEB_AUTHN";
            clientId?: string;
            code?: string;
            cookie?: boolean;
            credential?: {
                [key: string]: unknown;
            };
            deviceKey?: string;
            deviceName?: string;
            issuer?: string;
            newPassword?: string;
            password?: string;
            responses?: {
                [key: string]: string;
            };
            secretBlock?: string;
            session?: string;
            signature?: string;
            srpA?: string;
            timestamp?: string;
            username: components["schemas"]["UsernameType"];
        };
        AttributeNameType: string;
        /** AuditLine */
        AuditLine: {
            caller: {
                client_id?: string | null;
                groups?: string[];
                ip?: string | null;
                sub?: string | null;
                username?: string | null;
            };
            chain: string;
            decision: {
                allowed?: boolean;
                reason?: string | null;
                role?: string | null;
            };
            dry_run?: boolean;
            duration_ms?: number | null;
            error?: string | null;
            guard_calls?: string[];
            id: string;
            operation: string | null;
            /** @enum {unknown} */
            phase: "decision" | "intent" | "outcome";
            previous?: string;
            seq: number;
            status: number | null;
            target: {
                group?: string | null;
                sub?: string | null;
                username?: string | null;
            };
            /** Format: date-time */
            time: string;
            upstream_request_id?: string | null;
        };
        /** AwsCredentials */
        AwsCredentials: {
            AccessKeyId: string;
            /** Format: date-time */
            Expiration: string;
            SecretAccessKey: string;
            SessionToken: string;
            /** @constant */
            Version: 1;
        };
        BeginMyTotpBody: {
            account?: string;
            issuer?: string;
        };
        /** Challenge */
        Challenge: {
            /**
             * @example NEW_PASSWORD_REQUIRED
             * @example SOFTWARE_TOKEN_MFA
             * @example SMS_MFA
             * @example EMAIL_OTP
             * @example SMS_OTP
             * @example SELECT_MFA_TYPE
             * @example SELECT_CHALLENGE
             * @example MFA_SETUP
             * @example PASSWORD
             * @example PASSWORD_SRP
             * @example PASSWORD_VERIFIER
             * @example DEVICE_SRP_AUTH
             * @example DEVICE_PASSWORD_VERIFIER
             * @example CUSTOM_CHALLENGE
             * @example WEB_AUTHN
             */
            challenge: string;
            /** @description What the challenge tells; a custom challenge's own members keep their names. */
            parameters: {
                availableChallenges?: string[];
                codeDeliveryDestination?: string;
                codeDeliveryMedium?: string;
                credentialRequestOptions?: Record<string, never>;
                mfasCanChoose?: string[];
                mfasCanSetup?: string[];
                /** @description The uri as a QR code: an SVG image's text. */
                qr?: string;
                requiredAttributes?: string[];
                /** @description Base32, for who types it. */
                secret?: string;
                /** @description otpauth://totp/… */
                uri?: string;
                userAttributes?: {
                    [key: string]: string;
                };
            };
            /** @description To be sent back with the answer; for minutes. */
            session: string | null;
            /** @constant */
            status: "challenge";
            /** @description To be sent back: the user's name where an alias was typed. */
            username: string;
        };
        ChangeMyPasswordBody: {
            currentPassword?: string;
            newPassword: string;
        };
        /** Confirmed */
        Confirmed: {
            /** @description Signs in by `choice` without a password. */
            session: string | null;
        };
        ConfirmForgotPasswordBody: {
            clientId?: string;
            code: string;
            newPassword: string;
            username: components["schemas"]["UsernameType"];
        };
        ConfirmSignUpBody: {
            clientId?: string;
            code: string;
            session?: string;
            username: components["schemas"]["UsernameType"];
        };
        ConfirmUserBody: {
            clientMetadata?: {
                [key: string]: string;
            };
        };
        CreateGroupBody: {
            description?: string;
            name: components["schemas"]["UsernameType"];
            precedence?: number;
            roleArn?: string;
        };
        CreateUserBody: {
            /** @description Numbers and booleans are written as text. */
            attributes?: {
                [key: string]: string | number | boolean | null;
            };
            clientMetadata?: {
                [key: string]: string;
            };
            deliveryMediums?: ("SMS" | "EMAIL")[];
            email?: string | null;
            forceAliasCreation?: boolean;
            resendInvitation?: boolean;
            sendInvitation?: boolean;
            temporaryPassword?: string;
            username: components["schemas"]["UsernameType"];
            validationData?: {
                [key: string]: string;
            };
        };
        /** @description What a dry run says. All but `allowed` only to callers whose role may ask why. */
        Decision: {
            allowed: boolean;
            /** @description What of the request it refuses. */
            field?: string | null;
            /** @description The rule that refuses it. */
            reason?: string | null;
            /** @description The role that allows it. */
            role?: string | null;
        };
        /** Delivery */
        Delivery: {
            attribute: string | null;
            /** @description Masked: a***@e***. */
            destination: string | null;
            /** @description EMAIL or SMS. */
            medium: string | null;
        };
        FinishMyTotpBody: {
            code: string;
            deviceName?: string;
        };
        ForgotPasswordBody: {
            clientId?: string;
            username: components["schemas"]["UsernameType"];
        };
        GetMyAwsCredentialsBody: {
            idToken: string;
        };
        /** Group */
        Group: {
            /** Format: date-time */
            createdAt: string | null;
            description: string | null;
            name: string;
            /** @description 0 is the strongest, null the weakest. */
            precedence: number | null;
            roleArn: string | null;
            /** Format: date-time */
            updatedAt: string | null;
        };
        /** Health */
        Health: {
            audit: {
                /** @description chain:seq:previous, of this process or isolate. */
                head: string;
                /** @description Outcomes that are still to be written. */
                owed: number;
                writing: boolean;
            };
            callsUnderWay: number;
            /** @description How far AWS's clock is ahead of this one's. */
            clockOffsetSeconds: number;
            credentials: {
                /** @enum {unknown} */
                kind: "keys" | "role";
                lastFailure: string | null;
            };
            keys: {
                /** @description null: none are held. */
                fetchedSecondsAgo: number | null;
                issuer: string;
            }[];
            /** @description Of each that was used: what of it is taken, and how many calls wait for their turn. */
            quotas: {
                name: string;
                perSecond: number;
                waiting: number;
            }[];
            store: {
                lost: boolean;
                shared: boolean;
            };
            version: string;
        };
        /** Limits */
        Limits: {
            attributes: string[];
            clientMetadata: string[];
            federatedPassword: boolean;
            groups: string[];
            members: string[];
            readable: string[];
        };
        /** Me */
        Me: {
            /** @description Numbers and booleans where OpenID Connect, or the pool's schema as far as the gateway may read it, says so; else text. */
            attributes: {
                [key: string]: string | number | boolean;
            };
            /** @description As in `attributes`. */
            email: string | null;
            mfa: components["schemas"]["Mfa"];
            sub: string;
            username: string;
        };
        /** Mfa */
        Mfa: {
            email: boolean;
            /** @enum {unknown} */
            preferred: "sms" | "totp" | "email" | null;
            sms: boolean;
            totp: boolean;
        };
        /** Permissions */
        Permissions: {
            /** @description Whether a role of the caller has AWS credentials. */
            awsCredentials: boolean;
            caller: {
                clientId: string;
                /** Format: date-time */
                expiresAt: string;
                /** @description As the token says; a change shows in the next token. */
                groups: string[];
                machine: boolean;
                scopes: string[];
                /** Format: date-time */
                signedInAt: string | null;
                sub: string;
                username: string | null;
            };
            /** @description Whether dry runs tell why, and /admin/policy is served. */
            explain: boolean;
            operations: {
                name: string;
                roles: string[];
                /** @description The ids of the REST routes that ask for it. */
                routes: string[];
                stepUp: components["schemas"]["StepUpNow"] | null;
            }[];
            publicOperations: string[];
            /** @description The caller's roles, in the order in which they are tried. */
            roles: {
                explain: boolean;
                /** @description What may be named inside a request, and seen in an answer; `any` stands for every name. */
                limits: components["schemas"]["Limits"];
                name: string;
                operations: string[];
                /** @description May act on, and grant, its own rank. */
                peers: boolean;
                /** @description The rank of a machine. */
                precedence: number | null;
                /** @description The strongest of these groups is the rank that the caller acts with. */
                rankGroups: string[];
                ratePerMinute: number;
            }[];
        };
        /** Policy */
        Policy: {
            guards: {
                lastAdmin: boolean;
                rank: boolean;
                selfLockout: boolean;
                /** @description By operation. */
                stepUp: {
                    [key: string]: components["schemas"]["StepUp"];
                };
                takeover: boolean;
            };
            public: {
                allow: string[];
                ratePerMinutePerIp: number;
                ratePerMinutePerUser: number;
            };
            /** @description Raised ones, in requests per second, by category. */
            quotas: {
                [key: string]: number;
            };
            roles: {
                allow: string[];
                aws: {
                    fresh: boolean;
                    maxSeconds: number;
                    roleArn: string;
                    strict: boolean;
                } | null;
                explain: boolean;
                fresh: string[];
                groups: string[];
                /** @description What may be named inside a request, and seen in an answer; `any` stands for every name. */
                limits: components["schemas"]["Limits"];
                name: string;
                peers: boolean;
                precedence: number | null;
                ratePerMinute: number;
                scopes: string[];
                strict: string[];
            }[];
            warnings: string[];
        };
        /** @description A refusal or a failure, as RFC 9457 has it. */
        Problem: {
            /** @description For a person; names a member, never a value. */
            detail: string;
            /** @description The path of what is wrong: `attributes.email`. */
            member?: string;
            /** @description To ask the operator about. */
            requestId: string;
            status: number;
            /** @description The type in words. */
            title: string;
            /** @description AWS's name of the error, stable: `UserNotFoundException`. */
            type: string;
        };
        RefreshBody: {
            clientId?: string;
            cookie?: boolean;
            deviceKey?: string;
            refreshToken?: string;
            username?: components["schemas"]["UsernameType"];
        };
        ResendCodeBody: {
            clientId?: string;
            username: components["schemas"]["UsernameType"];
        };
        ResetUserPasswordBody: {
            clientMetadata?: {
                [key: string]: string;
            };
        };
        SendMyCodeBody: {
            attribute: components["schemas"]["AttributeNameType"];
        };
        SetMyMfaBody: {
            email?: boolean;
            /** @enum {unknown} */
            preferred?: "sms" | "totp" | "email" | null;
            sms?: boolean;
            totp?: boolean;
        };
        SetUserMfaBody: {
            email?: boolean;
            /** @enum {unknown} */
            preferred?: "sms" | "totp" | "email" | null;
            sms?: boolean;
            totp?: boolean;
        };
        SetUserPasswordBody: {
            password: string;
            permanent?: boolean;
        };
        /** SignedIn */
        SignedIn: {
            /** @description Whether the refresh token is in the browser's cookie. */
            cookie: boolean;
            /** @constant */
            status: "signed-in";
            tokens: components["schemas"]["Tokens"];
        };
        /** SignedUp */
        SignedUp: {
            confirmed: boolean;
            delivery: components["schemas"]["Delivery"] | null;
            /** @description For confirm-sign-up, and sign-in by `choice` after. */
            session: string | null;
            sub: string;
        };
        SignInBody: {
            clientId?: string;
            cookie?: boolean;
            deviceKey?: string;
            /** @enum {string} */
            flow?: "password" | "srp" | "choice" | "custom";
            password?: string;
            /** @enum {string} */
            preferredChallenge?: "PASSWORD" | "PASSWORD_SRP" | "EMAIL_OTP" | "SMS_OTP" | "WEB_AUTHN";
            session?: string;
            srpA?: string;
            username: components["schemas"]["UsernameType"];
        };
        SignOutBody: {
            clientId?: string;
            everywhere?: boolean;
            refreshToken?: string;
        };
        SignUpBody: {
            /** @description Numbers and booleans are written as text. */
            attributes?: {
                [key: string]: string | number | boolean;
            };
            clientId?: string;
            password?: string;
            username: components["schemas"]["UsernameType"];
        };
        /** StepUp */
        StepUp: {
            acr: string | null;
            amr: string[];
            maxAgeSeconds: number | null;
        };
        /** StepUpNow */
        StepUpNow: {
            acr: string | null;
            amr: string[];
            maxAgeSeconds: number | null;
            /** @description By this token, now. */
            satisfied: boolean;
        };
        /** Tokens */
        Tokens: {
            accessToken: string;
            /** @description Seconds. */
            expiresIn: number;
            idToken?: string;
            newDevice?: {
                groupKey: string | null;
                key: string | null;
            };
            /** @description Where there is a new one, and it is not in the cookie. */
            refreshToken?: string;
            tokenType: string;
        };
        /** TotpSetup */
        TotpSetup: {
            /** @description The uri as a QR code: an SVG image's text. */
            qr: string;
            /** @description Base32, for who types it. */
            secret: string;
            /** @description otpauth://totp/… */
            uri: string;
        };
        UpdateGroupBody: {
            description?: string;
            precedence?: number;
            roleArn?: string;
        };
        UpdateMeBody: {
            /** @description Numbers and booleans are written as text. */
            attributes: {
                [key: string]: string | number | boolean | null;
            };
        };
        UpdateUserBody: {
            /** @description Numbers and booleans are written as text. */
            attributes?: {
                [key: string]: string | number | boolean | null;
            };
            clientMetadata?: {
                [key: string]: string;
            };
            email?: string | null;
        };
        /** User */
        User: {
            /** @description Numbers and booleans where OpenID Connect, or the pool's schema as far as the gateway may read it, says so; else text. */
            attributes: {
                [key: string]: string | number | boolean;
            };
            /** Format: date-time */
            createdAt: string | null;
            /** @description As in `attributes`. */
            email: string | null;
            enabled: boolean;
            /** @description With `include=groups`. */
            groups?: string[];
            /** @description With `include=mfa`. */
            mfa?: components["schemas"]["Mfa"];
            /** @description CONFIRMED, UNCONFIRMED, FORCE_CHANGE_PASSWORD … */
            status: string;
            /** @description Never changes, and is never given to another user. */
            sub: string;
            /** Format: date-time */
            updatedAt: string | null;
            username: string;
        };
        UsernameType: string;
        VerifyMyAttributeBody: {
            attribute: components["schemas"]["AttributeNameType"];
            code: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAuditLines: {
        parameters: {
            query?: {
                caller?: string;
                cursor?: string;
                denied?: boolean;
                id?: string;
                /** @example 20 */
                limit?: number;
                operation?: string;
                reason?: string;
                role?: string;
                since?: string;
                target?: string;
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The audit's lines, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cursor: string | null;
                        items: components["schemas"]["AuditLine"][];
                    };
                };
            };
        };
    };
    listGroups: {
        parameters: {
            query?: {
                cursor?: string;
                /** @example 20 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The pool's groups */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cursor: string | null;
                        items: components["schemas"]["Group"][];
                    };
                };
            };
        };
    };
    createGroup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGroupBody"];
            };
        };
        responses: {
            /** @description A new group */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    getGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    deleteGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["UpdateGroupBody"];
            };
        };
        responses: {
            /** @description Change a group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    listUsersInGroup: {
        parameters: {
            query?: {
                cursor?: string;
                include?: "groups"[];
                /** @example 20 */
                limit?: number;
            };
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The users in a group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cursor: string | null;
                        items: components["schemas"]["User"][];
                    };
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How this replica of the gateway is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    getPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy in use, as data */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                cursor?: string;
                filter?: string;
                /** @example moderator */
                group?: components["schemas"]["UsernameType"];
                include?: "groups"[];
                /** @example 20 */
                limit?: number;
                search?: string;
                status?: "enabled" | "disabled" | "CONFIRMED" | "UNCONFIRMED" | "FORCE_CHANGE_PASSWORD" | "RESET_REQUIRED" | "EXTERNAL_PROVIDER" | "COMPROMISED" | "ARCHIVED" | "UNKNOWN";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The pool's users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        complete?: boolean;
                        cursor: string | null;
                        items: components["schemas"]["User"][];
                        scanned?: number;
                    };
                };
            };
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateUserBody"];
            };
        };
        responses: {
            /** @description A new user */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: {
                include?: ("groups" | "mfa")[];
            };
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["UpdateUserBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    confirmUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ConfirmUserBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    disableUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    enableUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listGroupsForUser: {
        parameters: {
            query?: {
                cursor?: string;
                /** @example 20 */
                limit?: number;
            };
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The groups of a user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cursor: string | null;
                        items: components["schemas"]["Group"][];
                    };
                };
            };
        };
    };
    addUserToGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    removeUserFromGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example moderator */
                group: components["schemas"]["UsernameType"];
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    setUserMfa: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SetUserMfaBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    setUserPassword: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetUserPasswordBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    resetUserPassword: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ResetUserPasswordBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    signOutUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example user@example.com */
                username: components["schemas"]["UsernameType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    answerChallenge: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerChallengeBody"];
            };
        };
        responses: {
            /** @description Answer a challenge */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"] | components["schemas"]["Challenge"];
                };
            };
        };
    };
    confirmForgotPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmForgotPasswordBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    confirmSignUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfirmSignUpBody"];
            };
        };
        responses: {
            /** @description Confirm a sign-up with the code that was sent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Confirmed"];
                };
            };
        };
    };
    forgotPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ForgotPasswordBody"];
            };
        };
        responses: {
            /** @description Send a code that sets a new password */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Where a code went; null for what Cognito does not tell. */
                        delivery: components["schemas"]["Delivery"];
                    };
                };
            };
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RefreshBody"];
            };
        };
        responses: {
            /** @description New tokens for a refresh token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
        };
    };
    resendCode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResendCodeBody"];
            };
        };
        responses: {
            /** @description Send the sign-up's code again */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Where a code went; null for what Cognito does not tell. */
                        delivery: components["schemas"]["Delivery"];
                    };
                };
            };
        };
    };
    signIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInBody"];
            };
        };
        responses: {
            /** @description Sign in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"] | components["schemas"]["Challenge"];
                };
            };
        };
    };
    signOut: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignOutBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    signUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignUpBody"];
            };
        };
        responses: {
            /** @description Sign up */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedUp"];
                };
            };
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The signed-in user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
        };
    };
    deleteMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMeBody"];
            };
        };
        responses: {
            /** @description Change one's own attributes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Codes that verify new values. */
                        deliveries: components["schemas"]["Delivery"][];
                    };
                };
            };
        };
    };
    getMyAwsCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GetMyAwsCredentialsBody"];
            };
        };
        responses: {
            /** @description AWS credentials for the caller */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AwsCredentials"];
                };
            };
        };
    };
    setMyMfa: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SetMyMfaBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    changeMyPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeMyPasswordBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getMyPermissions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the caller may do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Permissions"];
                };
            };
        };
    };
    finishMyTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FinishMyTotpBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    beginMyTotp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["BeginMyTotpBody"];
            };
        };
        responses: {
            /** @description Begin to set up an authenticator app */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TotpSetup"];
                };
            };
        };
    };
    verifyMyAttribute: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerifyMyAttributeBody"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    sendMyCode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SendMyCodeBody"];
            };
        };
        responses: {
            /** @description Send a code that verifies an attribute */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Where a code went; null for what Cognito does not tell. */
                        delivery: components["schemas"]["Delivery"];
                    };
                };
            };
        };
    };
}
