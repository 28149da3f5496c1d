"""Messages of errors; see `boltzmann.rpc.v1`."""
