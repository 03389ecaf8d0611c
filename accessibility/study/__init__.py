"""A study area: its file or its values, loaded and asked."""
