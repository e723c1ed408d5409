"""The service as a function of a cloud: one module for each, which brings requests and events."""

import gc

# What a start makes stays: to look through it for rubbish, again and again, finds none.
gc.set_threshold(100_000)
