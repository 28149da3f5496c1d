"""The messages that errors carry, as `client/python/generate.sh` makes them: `error_pb2`."""
