"""Cognito for a laptop: an emulator of user pools, identity pools, STS and IAM on one loopback port."""

from gateway.emulator.calls import Call, Calls
from gateway.emulator.errors import AwsError, PortBusy, StateError
from gateway.emulator.server import Emulator, start
from gateway.emulator.spec import PoolSpec

__all__ = ["AwsError", "Call", "Calls", "Emulator", "PoolSpec", "PortBusy", "StateError", "start"]
