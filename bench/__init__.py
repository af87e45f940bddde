"""The gateway beside Envoy, in one interleaved run on one machine: `scripts/bench`.

Duty: give every peer the same job, prove that it does it, then measure how many requests a core carries.
Prohibition: nothing here is imported by the gateway; nothing leaves loopback; a figure without its run says nothing,
because only ratios within one run mean anything.
"""
