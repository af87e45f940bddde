"""The gateway as its users meet it: real SDKs, the real CLI, the embedded emulator with signatures and IAM enforced."""
