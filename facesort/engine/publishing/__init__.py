"""Publishing to an object store: the only room that opens a network connection, and only once it is asked to."""
