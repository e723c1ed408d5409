"""A request as it came and a response as it goes, for every face of the service.

Nothing here waits for a network or knows of a server: ``http`` brings requests over ASGI,
``functions`` brings them as events of a cloud.
"""
