"""The gateway as a Cloudflare Worker: settings from `env`, the network by `fetch`, the audit on the console.

`entry` is what the platform calls; it and `platform` alone import what exists on Workers only, so that everything else
is tested without one. Source: docs/decisions/0009-workers.md.
"""
