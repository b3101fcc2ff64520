"""Event level: every layer a process, every stream a FIFO with capacity, time as a max-plus schedule."""
