"""The map that opens without the internet, and what it is made of."""
