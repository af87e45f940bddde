"""People and their own accounts: signing up, codes, passwords, attributes, second factors."""

import base64
import functools
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from gateway import emulator as cognito
from gateway.emulator import Emulator
from tests.emulator.callers import PASSWORD, Clock, refusal

NEW = "An0ther!one"
DAY = 24 * 3600


def sign_up(idp: Any, emulator: Emulator, username: str, **more: Any) -> Any:
    """Sign somebody up with an address."""
    attributes = [{"Name": "email", "Value": f"{username}@mail.example"}]
    return idp.sign_up(
        ClientId=emulator.client_id,
        Username=username,
        Password=PASSWORD,
        UserAttributes=attributes,
        **more,
    )


def attributes_of(idp: Any, emulator: Emulator, username: str) -> dict[str, str]:
    """Read somebody's attributes."""
    got = idp.admin_get_user(UserPoolId=emulator.pool_id, Username=username)["UserAttributes"]
    return {item["Name"]: item["Value"] for item in got}


def token(emulator: Emulator, username: str, password: str = PASSWORD) -> str:
    """Sign in."""
    return emulator.sign_in(username, password)["access_token"]


def totp(secret: str, now: float) -> str:
    """What an authenticator app shows."""
    return TOTP(base64.b32decode(secret), 6, SHA1(), 30).generate(int(now)).decode()  # noqa: S303 - RFC 6238's


class TestSignUp:
    """SignUp to the first sign-in."""

    def test_the_code_that_was_sent_confirms(self, emulator: Emulator, idp: Any) -> None:
        """A new user signs up, cannot sign in, mistypes the code, confirms, signs in; its address is verified."""
        answer = sign_up(idp, emulator, "carol")
        assert answer["UserConfirmed"] is False
        assert answer["CodeDeliveryDetails"] == {
            "Destination": "c***@m***",
            "DeliveryMedium": "EMAIL",
            "AttributeName": "email",
        }
        with pytest.raises(cognito.AwsError, match="UserNotConfirmedException"):
            token(emulator, "carol")
        who = {"ClientId": emulator.client_id, "Username": "carol"}
        for wrong in ("000000x", "moto-confirmation-code:123456"):
            with pytest.raises(idp.exceptions.CodeMismatchException, match="Invalid verification code provided"):
                idp.confirm_sign_up(**who, ConfirmationCode=wrong)
        idp.confirm_sign_up(**who, ConfirmationCode=emulator.code_of("carol"))
        assert attributes_of(idp, emulator, "carol")["email_verified"] == "true"
        assert token(emulator, "carol@mail.example")
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Current status is CONFIRMED"):
            idp.confirm_sign_up(**who, ConfirmationCode="123456")

    def test_a_code_ends_and_another_is_sent(self, emulator: Emulator, idp: Any, clock: Clock) -> None:
        """After a day the code is too old; a new one replaces it."""
        sign_up(idp, emulator, "dora")
        who = {"ClientId": emulator.client_id, "Username": "dora"}
        first = emulator.code_of("dora")
        with clock.pushed(DAY), pytest.raises(idp.exceptions.ExpiredCodeException):
            idp.confirm_sign_up(**who, ConfirmationCode=first)
        sent = idp.resend_confirmation_code(**who)["CodeDeliveryDetails"]
        assert sent["AttributeName"] == "email"
        idp.confirm_sign_up(**who, ConfirmationCode=emulator.code_of("dora"))
        with pytest.raises(idp.exceptions.InvalidParameterException, match="already confirmed"):
            idp.resend_confirmation_code(**who)

    def test_a_name_is_taken_once_in_any_case(self, emulator: Emulator, idp: Any) -> None:
        """The pool does not tell `Erin` from `erin`."""
        sign_up(idp, emulator, "erin")
        with pytest.raises(idp.exceptions.UsernameExistsException):
            sign_up(idp, emulator, "ERIN")

    @pytest.mark.parametrize(
        ("password", "rule"),
        [
            ("Ab1!", "not long enough"),
            ("passw0rd!", "uppercase"),
            ("PASSW0RD!", "lowercase"),
            ("Password!", "numeric"),
            ("Passw0rds", "symbol"),
        ],
    )
    def test_a_weak_password_is_told_why(self, password: str, rule: str, emulator: Emulator, idp: Any) -> None:
        """The pool's policy, one rule after the other."""
        with pytest.raises(idp.exceptions.InvalidPasswordException, match=rule):
            idp.sign_up(ClientId=emulator.client_id, Username="weak", Password=password)

    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("email_verified", "true", "NotAuthorizedException"),
            ("sub", "00000000-0000-4000-8000-000000000000", "InvalidParameterException"),
            ("custom:role", "admin", "InvalidParameterException"),
            ("email", "nonsense", "InvalidParameterException"),
            ("phone_number", "12345", "InvalidParameterException"),
        ],
    )
    def test_nobody_signs_up_as_somebody_verified(
        self, name: str, value: str, code: str, emulator: Emulator, idp: Any
    ) -> None:
        """Users do not write flags, subs, or attributes that the pool does not have."""
        with pytest.raises(ClientError) as caught:
            idp.sign_up(
                ClientId=emulator.client_id,
                Username="mallory",
                Password=PASSWORD,
                UserAttributes=[{"Name": name, "Value": value}],
            )
        assert refusal(caught.value)[0] == code

    def test_an_address_that_is_taken_is_not_confirmed_a_second_time(self, emulator: Emulator, idp: Any) -> None:
        """Two may claim an address, one may own it; ForceAliasCreation moves it."""
        for name in ("first", "second", "third"):
            idp.sign_up(
                ClientId=emulator.client_id,
                Username=name,
                Password=PASSWORD,
                UserAttributes=[{"Name": "email", "Value": "shared@mail.example"}],
            )
        who = {"ClientId": emulator.client_id}
        idp.confirm_sign_up(**who, Username="first", ConfirmationCode=emulator.code_of("first"))
        with pytest.raises(idp.exceptions.AliasExistsException):
            idp.confirm_sign_up(**who, Username="second", ConfirmationCode=emulator.code_of("second"))
        idp.confirm_sign_up(
            **who, Username="third", ConfirmationCode=emulator.code_of("third"), ForceAliasCreation=True
        )
        found = idp.admin_get_user(UserPoolId=emulator.pool_id, Username="shared@mail.example")
        assert found["Username"] == "third"
        assert attributes_of(idp, emulator, "first")["email_verified"] == "false"

    def test_a_code_confirms_though_the_address_is_gone(self, emulator: Emulator, idp: Any) -> None:
        """An administrator took the address away meanwhile: the user is confirmed, and nothing is verified."""
        sign_up(idp, emulator, "fred")
        named = {"UserPoolId": emulator.pool_id, "Username": "fred"}
        idp.admin_delete_user_attributes(**named, UserAttributeNames=["email"])
        idp.confirm_sign_up(ClientId=emulator.client_id, Username="fred", ConfirmationCode=emulator.code_of("fred"))
        assert idp.admin_get_user(**named)["UserStatus"] == "CONFIRMED"
        assert "email_verified" not in attributes_of(idp, emulator, "fred")

    def test_without_an_address_there_is_nothing_to_send(self, emulator: Emulator, idp: Any) -> None:
        """Such a user waits for an administrator."""
        answer = idp.sign_up(ClientId=emulator.client_id, Username="mute", Password=PASSWORD)
        assert "CodeDeliveryDetails" not in answer
        with pytest.raises(idp.exceptions.InvalidParameterException):
            idp.resend_confirmation_code(ClientId=emulator.client_id, Username="mute")
        with pytest.raises(LookupError):
            emulator.code_of("mute")


class TestForgottenPassword:
    """ForgotPassword and ConfirmForgotPassword."""

    def test_the_code_that_was_sent_sets_a_new_password(self, emulator: Emulator, idp: Any) -> None:
        """Wrong codes and weak passwords are refused; the right code works once."""
        who = {"ClientId": emulator.client_id, "Username": "hiro.ivanova"}
        sent = idp.forgot_password(**who)["CodeDeliveryDetails"]
        assert sent["DeliveryMedium"] == "EMAIL"
        code = emulator.code_of("hiro.ivanova")
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.confirm_forgot_password(**who, ConfirmationCode="nope", Password=NEW)
        with pytest.raises(idp.exceptions.InvalidPasswordException):
            idp.confirm_forgot_password(**who, ConfirmationCode=code, Password="weak")
        idp.confirm_forgot_password(**who, ConfirmationCode=code, Password=NEW)
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.confirm_forgot_password(**who, ConfirmationCode=code, Password=PASSWORD)
        assert token(emulator, "hiro.ivanova", NEW)
        with pytest.raises(cognito.AwsError, match="Incorrect username or password"):
            token(emulator, "hiro.ivanova", PASSWORD)

    def test_a_stranger_is_answered_like_anybody(self, emulator: Emulator, idp: Any) -> None:
        """Nobody learns who exists, neither here nor with the code."""
        who = {"ClientId": emulator.client_id, "Username": "nobody@example.com"}
        assert idp.forgot_password(**who)["CodeDeliveryDetails"]["Destination"] == "n***@e***"
        assert idp.resend_confirmation_code(**{**who, "Username": "nobody"})["CodeDeliveryDetails"]
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.confirm_forgot_password(**who, ConfirmationCode="123456", Password=NEW)
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.confirm_sign_up(**who, ConfirmationCode="123456")

    def test_a_client_may_prefer_to_tell(self, emulator: Emulator, idp: Any) -> None:
        """A client without PreventUserExistenceErrors says that the user is not there."""
        made = idp.create_user_pool_client(
            UserPoolId=emulator.pool_id,
            ClientName="talkative",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
        )["UserPoolClient"]
        who = {"ClientId": made["ClientId"], "Username": "nobody"}
        parameters = {"USERNAME": "nobody", "PASSWORD": "x", "SRP_A": "abc"}
        calls = [
            functools.partial(idp.forgot_password, **who),
            functools.partial(idp.resend_confirmation_code, **who),
            functools.partial(idp.confirm_sign_up, **who, ConfirmationCode="1"),
            functools.partial(idp.confirm_forgot_password, **who, ConfirmationCode="1", Password=NEW),
        ]
        for flow in ("USER_PASSWORD_AUTH", "USER_SRP_AUTH"):
            begin = {"ClientId": made["ClientId"], "AuthFlow": flow, "AuthParameters": parameters}
            calls.append(functools.partial(idp.initiate_auth, **begin))
        for call in calls:
            with pytest.raises(idp.exceptions.UserNotFoundException):
                call()

    def test_not_everybody_may_reset(self, emulator: Emulator, idp: Any) -> None:
        """Disabled and invited users are refused, and users whose address nobody verified."""
        pool = {"UserPoolId": emulator.pool_id}
        invited = idp.list_users(**pool, Filter='cognito:user_status = "FORCE_CHANGE_PASSWORD"')["Users"][0]
        unconfirmed = idp.list_users(**pool, Filter='cognito:user_status = "UNCONFIRMED"')["Users"][0]
        idp.admin_disable_user(**pool, Username="ines.jensen")
        for user, error in (
            ("ines.jensen", idp.exceptions.NotAuthorizedException),
            (invited["Username"], idp.exceptions.NotAuthorizedException),
            (unconfirmed["Username"], idp.exceptions.InvalidParameterException),
        ):
            with pytest.raises(error):
                idp.forgot_password(ClientId=emulator.client_id, Username=user)
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.confirm_forgot_password(
                ClientId=emulator.client_id, Username="ines.jensen", ConfirmationCode="1", Password=NEW
            )
        idp.admin_enable_user(**pool, Username="ines.jensen")


class TestOwnAccount:
    """What the bearer of an access token does."""

    def test_it_reads_itself_without_its_status(self, emulator: Emulator, idp: Any) -> None:
        """GetUser shows name and attributes only."""
        got = idp.get_user(AccessToken=token(emulator, "elif.fernandez"))
        assert got["Username"] == "elif.fernandez"
        assert "UserStatus" not in got
        assert {"Name": "given_name", "Value": "Elif"} in got["UserAttributes"]

    def test_it_changes_its_password_with_the_old_one(self, emulator: Emulator, idp: Any) -> None:
        """A wrong old password is refused."""
        access = token(emulator, "fatima.gupta")
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.change_password(AccessToken=access, PreviousPassword="wrong1!A", ProposedPassword=NEW)
        idp.change_password(AccessToken=access, PreviousPassword=PASSWORD, ProposedPassword=NEW)
        assert token(emulator, "fatima.gupta", NEW)

    def test_a_new_address_is_unverified_until_its_code_is_given(self, emulator: Emulator, idp: Any) -> None:
        """UpdateUserAttributes sends a code; VerifyUserAttribute takes that one only; another can be asked for."""
        user = "jurgen.kowalska"
        access = token(emulator, user)
        changed = idp.update_user_attributes(
            AccessToken=access, UserAttributes=[{"Name": "email", "Value": "jk@mail.example"}]
        )
        assert changed["CodeDeliveryDetailsList"][0]["Destination"] == "j***@m***"
        assert attributes_of(idp, emulator, user)["email_verified"] == "false"
        verify = {"AccessToken": access, "AttributeName": "email"}
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.verify_user_attribute(**verify, Code="nope")
        first = emulator.code_of(user)
        sent = idp.get_user_attribute_verification_code(**verify)["CodeDeliveryDetails"]
        assert sent["AttributeName"] == "email"
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.verify_user_attribute(**verify, Code=first)  # the second code replaced it (equal once in a million)
        idp.verify_user_attribute(**verify, Code=emulator.code_of(user))
        assert attributes_of(idp, emulator, user)["email_verified"] == "true"
        with pytest.raises(idp.exceptions.InvalidParameterException):
            idp.get_user_attribute_verification_code(AccessToken=access, AttributeName="name")

    def test_it_deletes_attributes(self, emulator: Emulator, idp: Any) -> None:
        """An address takes its flag along; one that is not there is no error; a flag alone is not its to delete."""
        user = "mateo.nakamura"
        access = token(emulator, user)
        idp.delete_user_attributes(AccessToken=access, UserAttributeNames=["email", "nickname"])
        assert {"email", "email_verified"}.isdisjoint(attributes_of(idp, emulator, user))
        for name, code in (
            ("email_verified", "NotAuthorizedException"),
            ("sub", "InvalidParameterException"),
            ("hat", "InvalidParameterException"),
        ):
            with pytest.raises(ClientError) as caught:
                idp.delete_user_attributes(AccessToken=access, UserAttributeNames=[name])
            assert refusal(caught.value)[0] == code

    def test_it_deletes_itself(self, emulator: Emulator, idp: Any) -> None:
        """DeleteUser."""
        idp.delete_user(AccessToken=token(emulator, "rafael.rossi"))
        with pytest.raises(idp.exceptions.UserNotFoundException):
            idp.admin_get_user(UserPoolId=emulator.pool_id, Username="rafael.rossi")

    def test_it_has_no_devices_and_a_password(self, emulator: Emulator, idp: Any) -> None:
        """ListDevices and GetUserAuthFactors answer."""
        access = token(emulator, "elif.fernandez")
        assert idp.list_devices(AccessToken=access)["Devices"] == []
        assert idp.get_user_auth_factors(AccessToken=access)["ConfiguredUserAuthFactors"] == ["PASSWORD"]


class TestInvitation:
    """AdminCreateUser to the first password of one's own."""

    def test_an_invited_user_chooses_a_password(self, emulator: Emulator, idp: Any) -> None:
        """The temporary password is in the outbox; it signs in once, to a challenge."""
        made = idp.admin_create_user(
            UserPoolId=emulator.pool_id,
            Username="ivy",
            UserAttributes=[
                {"Name": "email", "Value": "ivy@mail.example"},
                {"Name": "email_verified", "Value": "true"},
            ],
        )["User"]
        assert (made["UserStatus"], made["Enabled"]) == ("FORCE_CHANGE_PASSWORD", True)
        who = {"ClientId": emulator.client_id}
        asked = idp.initiate_auth(
            **who,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ivy", "PASSWORD": emulator.code_of("ivy")},
        )
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        answer = {**who, "ChallengeName": asked["ChallengeName"], "Session": asked["Session"]}
        with pytest.raises(idp.exceptions.InvalidPasswordException):
            idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": "ivy", "NEW_PASSWORD": "weak"})
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid session"):
            idp.respond_to_auth_challenge(
                **answer, ChallengeResponses={"USERNAME": "user@example.com", "NEW_PASSWORD": NEW}
            )
        done = idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": "ivy", "NEW_PASSWORD": NEW})
        assert done["AuthenticationResult"]["IdToken"]
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid session"):
            idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": "ivy", "NEW_PASSWORD": NEW})
        assert token(emulator, "ivy", NEW)

    def test_an_invitation_is_sent_again_only_while_it_is_open(
        self, emulator: Emulator, idp: Any, clock: Clock
    ) -> None:
        """It ends after a week; RESEND opens it again with a new password; a confirmed user gets none."""
        named = {"UserPoolId": emulator.pool_id, "Username": "jack"}
        idp.admin_create_user(**named, TemporaryPassword="Temp0rary!", MessageAction="SUPPRESS")
        with pytest.raises(LookupError, match="nothing was sent"):
            emulator.code_of("jack")
        with clock.pushed(8 * DAY), pytest.raises(cognito.AwsError, match="Incorrect username or password"):
            token(emulator, "jack", "Temp0rary!")
        idp.admin_create_user(**named, MessageAction="RESEND")
        with pytest.raises(LookupError, match="NEW_PASSWORD_REQUIRED"):
            token(emulator, "jack", emulator.code_of("jack"))
        with pytest.raises(idp.exceptions.UnsupportedUserStateException):
            idp.admin_create_user(UserPoolId=emulator.pool_id, Username="admin@example.com", MessageAction="RESEND")
        with pytest.raises(idp.exceptions.UsernameExistsException):
            idp.admin_create_user(**named)

    def test_an_alias_is_taken_only_by_force(self, emulator: Emulator, idp: Any) -> None:
        """A verified address of somebody else is AliasExists, unless ForceAliasCreation."""
        wanted = [
            {"Name": "email", "Value": "user@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ]
        named = {"UserPoolId": emulator.pool_id, "Username": "thief", "UserAttributes": wanted}
        with pytest.raises(ClientError) as caught:
            idp.admin_create_user(**named)
        assert refusal(caught.value)[0] == "AliasExistsException"
        with pytest.raises(idp.exceptions.UserNotFoundException):
            idp.admin_get_user(UserPoolId=emulator.pool_id, Username="thief")
        idp.admin_create_user(**named, ForceAliasCreation=True)
        assert attributes_of(idp, emulator, "user@example.com")["email_verified"] == "false"


class TestSecondFactors:
    """Authenticator apps and text messages."""

    def set_up(self, idp: Any, clock: Clock, access: str) -> str:
        """Set an app up and switch it on."""
        secret: str = idp.associate_software_token(AccessToken=access)["SecretCode"]
        with pytest.raises(ClientError) as caught:
            idp.verify_software_token(AccessToken=access, UserCode="000000")
        assert refusal(caught.value)[0] == "EnableSoftwareTokenMFAException"
        idp.verify_software_token(AccessToken=access, UserCode=totp(secret, clock()))
        preference = {"Enabled": True, "PreferredMfa": True}
        idp.set_user_mfa_preference(AccessToken=access, SoftwareTokenMfaSettings=preference)
        return secret

    def test_an_app_that_was_set_up_is_asked_for(self, emulator: Emulator, idp: Any, clock: Clock) -> None:
        """A wrong code is refused, the right one signs in; an administrator switches it off."""
        user = "nadia.okafor"
        secret = self.set_up(idp, clock, token(emulator, user))
        shown = idp.admin_get_user(UserPoolId=emulator.pool_id, Username=user)
        assert shown["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
        assert shown["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        who = {"ClientId": emulator.client_id}
        parameters = {"USERNAME": user, "PASSWORD": PASSWORD}
        asked = idp.initiate_auth(**who, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        answer = {**who, "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": asked["Session"]}
        right = totp(secret, clock())
        wrong = f"{(int(right) + 1) % 1_000_000:06}"
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.respond_to_auth_challenge(
                **answer, ChallengeResponses={"USERNAME": user, "SOFTWARE_TOKEN_MFA_CODE": wrong}
            )
        done = idp.respond_to_auth_challenge(
            **answer, ChallengeResponses={"USERNAME": user, "SOFTWARE_TOKEN_MFA_CODE": right}
        )
        assert done["AuthenticationResult"]["AccessToken"]
        off = {"Enabled": False, "PreferredMfa": False}
        idp.admin_set_user_mfa_preference(UserPoolId=emulator.pool_id, Username=user, SoftwareTokenMfaSettings=off)
        assert token(emulator, user)

    def test_one_factor_is_asked_for_without_a_preference(self, emulator: Emulator, idp: Any) -> None:
        """Text messages only; and an app that was never begun cannot be finished."""
        user = "sofia.suzuki"
        named = {"UserPoolId": emulator.pool_id, "Username": user}
        with pytest.raises(ClientError) as caught:
            idp.verify_software_token(AccessToken=token(emulator, user), UserCode="123456")
        assert refusal(caught.value)[0] == "EnableSoftwareTokenMFAException"
        idp.admin_update_user_attributes(**named, UserAttributes=[{"Name": "phone_number", "Value": "+12025550199"}])
        idp.admin_set_user_mfa_preference(**named, SMSMfaSettings={"Enabled": True})
        with pytest.raises(LookupError, match="SMS_MFA"):
            emulator.sign_in(user, PASSWORD)

    def test_two_factors_leave_a_choice(self, emulator: Emulator, idp: Any, clock: Clock) -> None:
        """Without a preference the user chooses; the text message's code counts."""
        user = "amara.bergstrom"
        self.set_up(idp, clock, token(emulator, user))
        named = {"UserPoolId": emulator.pool_id, "Username": user}
        idp.admin_update_user_attributes(**named, UserAttributes=[{"Name": "phone_number", "Value": "+12025550123"}])
        enabled = {"Enabled": True, "PreferredMfa": False}
        idp.admin_set_user_mfa_preference(**named, SMSMfaSettings=enabled, SoftwareTokenMfaSettings=enabled)
        who = {"ClientId": emulator.client_id}
        asked = idp.initiate_auth(
            **who, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD}
        )
        assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
        choice = {**who, "ChallengeName": "SELECT_MFA_TYPE", "Session": asked["Session"]}
        with pytest.raises(idp.exceptions.InvalidParameterException):
            idp.respond_to_auth_challenge(**choice, ChallengeResponses={"USERNAME": user, "ANSWER": "EMAIL_OTP"})
        asked = idp.respond_to_auth_challenge(**choice, ChallengeResponses={"USERNAME": user, "ANSWER": "SMS_MFA"})
        assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "+*******0123"
        answer = {**who, "ChallengeName": "SMS_MFA", "Session": asked["Session"]}
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": user, "SMS_MFA_CODE": "nope"})
        code = emulator.code_of(user)
        done = idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": user, "SMS_MFA_CODE": code})
        assert done["AuthenticationResult"]["AccessToken"]

    def test_a_code_by_mail_is_a_factor(self, emulator: Emulator, idp: Any) -> None:
        """EMAIL_OTP: who has it on is asked for the code that was mailed; a wrong one does not count."""
        user = "moderator@example.com"
        named = {"UserPoolId": emulator.pool_id, "Username": user}
        idp.admin_set_user_mfa_preference(**named, EmailMfaSettings={"Enabled": True, "PreferredMfa": True})
        try:
            shown = idp.admin_get_user(**named)
            who = {"ClientId": emulator.client_id}
            parameters = {"USERNAME": user, "PASSWORD": PASSWORD}
            asked = idp.initiate_auth(**who, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
            answer = {**who, "ChallengeName": "EMAIL_OTP", "Session": asked["Session"]}
            with pytest.raises(idp.exceptions.CodeMismatchException):
                idp.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": user, "EMAIL_OTP_CODE": "nope"})
            code = emulator.code_of(user)
            done = idp.respond_to_auth_challenge(
                **answer, ChallengeResponses={"USERNAME": user, "EMAIL_OTP_CODE": code}
            )
        finally:
            idp.admin_set_user_mfa_preference(**named, EmailMfaSettings={"Enabled": False})
        assert (shown["UserMFASettingList"], shown["PreferredMfaSetting"]) == (["EMAIL_OTP"], "EMAIL_OTP")
        assert asked["ChallengeName"] == "EMAIL_OTP"
        assert asked["ChallengeParameters"]["CODE_DELIVERY_DELIVERY_MEDIUM"] == "EMAIL"
        assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "m***@e***"
        assert done["AuthenticationResult"]["AccessToken"]
        assert token(emulator, user)

    def test_a_factor_that_is_not_set_up_is_not_switched_on(self, emulator: Emulator, idp: Any) -> None:
        """No app, no telephone, no address: InvalidParameter."""
        nobody = {"UserPoolId": emulator.pool_id, "Username": "without.address"}
        idp.admin_create_user(**nobody, MessageAction="SUPPRESS")
        with pytest.raises(idp.exceptions.InvalidParameterException, match="EMAIL_OTP"):
            idp.admin_set_user_mfa_preference(**nobody, EmailMfaSettings={"Enabled": True})
        idp.admin_delete_user(**nobody)
        named = {"UserPoolId": emulator.pool_id, "Username": "admin@example.com"}
        for settings in ("SoftwareTokenMfaSettings", "SMSMfaSettings"):
            with pytest.raises(idp.exceptions.InvalidParameterException):
                idp.admin_set_user_mfa_preference(**named, **{settings: {"Enabled": True}})

    def test_a_pool_may_insist(self, emulator: Emulator, idp: Any, clock: Clock) -> None:
        """With MFA on for everybody, somebody without a factor sets one up in the middle of signing in."""
        pool, user = {"UserPoolId": emulator.pool_id}, "priya.quispe"
        settings = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
        idp.set_user_pool_mfa_config(**pool, MfaConfiguration="ON", **settings)
        who = {"ClientId": emulator.client_id}
        parameters = {"USERNAME": user, "PASSWORD": PASSWORD}
        try:
            asked = idp.initiate_auth(**who, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        finally:
            idp.set_user_pool_mfa_config(**pool, MfaConfiguration="OPTIONAL", **settings)
        assert asked["ChallengeName"] == "MFA_SETUP"
        begun = idp.associate_software_token(Session=asked["Session"])
        answer = {**who, "ChallengeName": "MFA_SETUP", "ChallengeResponses": {"USERNAME": user}}
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.respond_to_auth_challenge(**answer, Session=begun["Session"])
        code = totp(begun["SecretCode"], clock())
        verified = idp.verify_software_token(Session=begun["Session"], UserCode=code)
        done = idp.respond_to_auth_challenge(**answer, Session=verified["Session"])
        assert done["AuthenticationResult"]["AccessToken"]
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.associate_software_token(Session=asked["Session"])


class TestFlows:
    """What InitiateAuth takes."""

    @pytest.mark.parametrize(
        ("flow", "parameters", "code"),
        [
            ("USER_PASSWORD_AUTH", {"USERNAME": "user@example.com"}, "InvalidParameterException"),
            ("USER_PASSWORD_AUTH", {}, "InvalidParameterException"),
            ("CUSTOM_AUTH", {"USERNAME": "user@example.com"}, "InvalidParameterException"),
            ("ADMIN_USER_PASSWORD_AUTH", {"USERNAME": "a", "PASSWORD": "b"}, "InvalidParameterException"),
            ("NONSENSE", {}, "InvalidParameterException"),
            ("USER_PASSWORD_AUTH", {"USERNAME": "nobody", "PASSWORD": "b"}, "NotAuthorizedException"),
        ],
    )
    def test_what_is_not_a_sign_in_is_refused(
        self, flow: str, parameters: dict[str, str], code: str, emulator: Emulator, idp: Any
    ) -> None:
        """Missing members, flows that are off, flows that do not exist, people who do not exist."""
        with pytest.raises(ClientError) as caught:
            idp.initiate_auth(ClientId=emulator.client_id, AuthFlow=flow, AuthParameters=parameters)
        assert refusal(caught.value)[0] == code

    def test_an_administrator_signs_somebody_in(self, emulator: Emulator, idp: Any) -> None:
        """AdminInitiateAuth with a password, under its old name, too."""
        who = {"UserPoolId": emulator.pool_id, "ClientId": emulator.client_id}
        parameters = {"USERNAME": "admin@example.com", "PASSWORD": PASSWORD}
        for flow in ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
            answer = idp.admin_initiate_auth(**who, AuthFlow=flow, AuthParameters=parameters)
            assert answer["AuthenticationResult"]["AccessToken"]
        made = idp.create_user_pool_client(UserPoolId=emulator.pool_id, ClientName="plain")["UserPoolClient"]
        with pytest.raises(idp.exceptions.InvalidParameterException, match="not enabled for this client"):
            idp.admin_initiate_auth(
                **{**who, "ClientId": made["ClientId"]},
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters=parameters,
            )

    def test_an_unknown_client_is_not_found(self, emulator: Emulator, idp: Any) -> None:
        """For people and for administrators."""
        wanted = {"ClientId": "nobody", "AuthParameters": {"USERNAME": "a", "PASSWORD": "b"}}
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            idp.initiate_auth(**wanted, AuthFlow="USER_PASSWORD_AUTH")
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            idp.admin_initiate_auth(**wanted, UserPoolId=emulator.pool_id, AuthFlow="ADMIN_USER_PASSWORD_AUTH")

    def test_a_challenge_that_does_not_exist_is_refused(self, emulator: Emulator, idp: Any) -> None:
        """Known to the model, not emulated: InvalidParameter."""
        with pytest.raises(idp.exceptions.InvalidParameterException, match="not emulated"):
            idp.respond_to_auth_challenge(
                ClientId=emulator.client_id, ChallengeName="CUSTOM_CHALLENGE", Session="x" * 20
            )
