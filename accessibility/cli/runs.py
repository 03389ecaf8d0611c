"""What the commands do: read a study, ask it, write a folder."""

from accessibility.cli.blank import new_study
from accessibility.cli.comparing import run_compare
from accessibility.cli.fetching import run_fetch
from accessibility.cli.options import FetchOptions, Options, Progress, Result
from accessibility.cli.pack import demo_folder, run_cover, run_demo, run_site
from accessibility.cli.starting import Begun, begin_study, reconcile_study
from accessibility.cli.verifying import run_check, run_verify
from accessibility.study.sample_county import sample_study

__all__ = ["Begun", "FetchOptions", "Options", "Progress", "Result", "begin_study", "demo_folder", "new_study"]
__all__ += ["reconcile_study", "run_check", "run_compare", "run_cover", "run_demo", "run_fetch", "run_site"]
__all__ += ["run_verify", "sample_study"]
