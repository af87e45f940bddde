"""The emulator, judged by boto3 and by raw requests."""
