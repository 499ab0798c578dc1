"""When and where photos were taken: cameras' clocks, bursts, places."""
