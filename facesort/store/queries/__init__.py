"""Questions about what is stored. Anybody may ask them; none of them changes anything."""
