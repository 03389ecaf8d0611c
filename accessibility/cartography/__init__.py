"""What maps are made of: sheets, layers, symbols, legends, the panel and its words; `maps.py` puts them together."""
