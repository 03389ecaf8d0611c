r"""The command line: what each command does, what it writes, and what it says.

Examples
--------
A street of 2 km with an outlet at its start, a bank branch near its end, which is no partner, and people at two places.
The other examples go on from it:

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> import accessibility as acc
>>> from accessibility.cli.console import Silence
>>> from accessibility.cli.runs import run_check
>>> folder, silent = Path(mkdtemp()), Silence()
>>> nodes = [f'<node id="{i}" lat="30.5" lon="{lon}" version="1"/>' for i, lon in [(1, 108.2), (2, 108.2208)]]
>>> way = '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="footway"/></way>'
>>> texts = {
...     "roads.osm": f'<osm version="0.6">{"".join(nodes)}{way}<relation id="1" version="1"/></osm>',
...     "people.csv": "id,lon,lat,population,setting\nnear,108.209,30.5,30,urban\nfar,108.2208,30.5,10,urban",
...     "outlets.csv": "id,lon,lat\nO1,108.2,30.5",
...     "banks.csv": "id,lon,lat,partner\nB1,108.218,30.5,no",
...     "study.toml": "[inputs]\nnetwork = { path = 'roads.osm' }\n"
...     "population = { path = 'people.csv', setting = 'setting', coordinates = 'WGS84' }\n"
...     "outlets = { path = 'outlets.csv', coordinates = 'WGS84' }\n"
...     "banks = { path = 'banks.csv', coordinates = 'WGS84' }",
... }
>>> _ = [(folder / name).write_text(text) for name, text in texts.items()]
>>> study = folder / "study.toml"
>>> run_check(study, silent)["headline"].split(" are")[0]
'75.0 % of 40 people (30)'
"""
