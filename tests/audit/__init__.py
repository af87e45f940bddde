"""Tests of `gateway.audit`."""
