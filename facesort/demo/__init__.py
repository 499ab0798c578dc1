"""The sample event that `facesort demo` builds, sorts and scores."""
