"""The messages of the API, as `client/python/generate.sh` makes them: `sampler_pb2`."""
