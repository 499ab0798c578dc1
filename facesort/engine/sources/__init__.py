"""The sources of a workspace: found again by their content, added, removed, and their clocks."""
