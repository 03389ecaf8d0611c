"""What is asked of a `accessibility.Study` by all that is made of one: it stands above them, and imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from accessibility.demand import Demand
    from accessibility.errors import Finding
    from accessibility.measures.catchments import Catchments
    from accessibility.measures.coverage import Coverage
    from accessibility.settlement import Density
    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan
    from accessibility.standards import Standard, Walker
    from accessibility.streets.network import Network
    from accessibility.streets.snapping import Snapped
    from accessibility.study.schema import StudyFile
    from accessibility.whatif.scenario import Scenario


class Studied(Protocol):
    """An `accessibility.Study`, in the words used there."""

    # fmt: off
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def settings(self) -> StudyFile: ...  # noqa: D102
    @property
    def standard(self) -> Standard: ...  # noqa: D102
    @property
    def walker(self) -> Walker: ...  # noqa: D102
    @property
    def network(self) -> Network: ...  # noqa: D102
    @property
    def demand(self) -> Demand: ...  # noqa: D102
    @property
    def sites(self) -> Sites: ...  # noqa: D102
    @property
    def made_candidates(self) -> Sites | None: ...  # noqa: D102
    @property
    def district(self) -> pd.Series[Any]: ...  # noqa: D102
    @property
    def districts(self) -> gpd.GeoDataFrame | None: ...  # noqa: D102
    @property
    def district_names(self) -> list[str]: ...  # noqa: D102
    @property
    def shifted_settings(self) -> tuple[Any, ...]: ...  # noqa: D102
    @property
    def density(self) -> Density | None: ...  # noqa: D102
    @property
    def shapes(self) -> gpd.GeoSeries | None: ...  # noqa: D102
    @property
    def water(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def names(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def attribution(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def inputs(self) -> Mapping[str, Path]: ...  # noqa: D102
    @property
    def findings(self) -> tuple[Finding, ...]: ...  # noqa: D102
    def coverage(self, scenario: Scenario | SitingPlan | None = None) -> Coverage: ...  # noqa: D102
    def table(self, coverage: Coverage | None = None) -> pd.DataFrame: ...  # noqa: D102
    def catchments(self, coverage: Coverage | None = None) -> Catchments: ...  # noqa: D102
    @property
    def snapped(self) -> Snapped: ...  # noqa: D102
    def refuse_place(self, subject: str, lon: float, lat: float) -> None: ...  # noqa: D102
    def snap_sites(self, sites: Sites) -> Snapped: ...  # noqa: D102
    # fmt: on
