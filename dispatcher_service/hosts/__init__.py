"""Hosts: the dispatchers that share a store, each with a lease that it renews for as long as it lives.

A lease has a number, the epoch, that grows whenever the host registers. What a host writes about its tasks carries the
epoch under which it accepted them, and is refused once the host has another epoch or none: a host that was away for too
long cannot overrule those who have given its tasks up.
"""
