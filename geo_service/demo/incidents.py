"""A year of incidents with the rhythm of a town: busy mornings, quiet nights, more in shops than in hills."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from geo_service.demo.frame import UNIT_DEG, Floats

LAST_DAY = pd.Timestamp("2026-11-21", tz="Asia/Shanghai")
#: A year of whole weeks.
YEAR = pd.Timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of incident: component (部件) or event (事件), how common, how urgent, when in the day."""

    code: str
    name: str
    group: str
    weight: float
    urgent: float
    rhythm: str


CATEGORIES = (
    Category("0101", "井盖缺损", "部件", 3, 0.35, "day"),
    Category("0104", "路灯不亮", "部件", 4, 0.05, "evening"),
    Category("0107", "消防栓破损", "部件", 1, 0.30, "day"),
    Category("0203", "护栏损坏", "部件", 2, 0.20, "day"),
    Category("0206", "路面破损", "部件", 5, 0.10, "day"),
    Category("0302", "垃圾箱满溢", "部件", 5, 0.05, "day"),
    Category("0401", "树木倾倒", "部件", 1.5, 0.45, "day"),
    Category("1101", "暴露垃圾", "事件", 9, 0.02, "day"),
    Category("1104", "污水外溢", "事件", 4, 0.25, "day"),
    Category("1202", "违法停车", "事件", 14, 0.05, "work"),
    Category("1203", "占道经营", "事件", 9, 0.05, "market"),
    Category("1206", "共享单车乱停", "事件", 6, 0.01, "work"),
    Category("1301", "噪声扰民", "事件", 8, 0.10, "night"),
    Category("1303", "油烟扰民", "事件", 3, 0.03, "evening"),
    Category("1401", "违章搭建", "事件", 2.5, 0.02, "day"),
    Category("1502", "邻里纠纷", "事件", 6, 0.15, "evening"),
    Category("1503", "劳资纠纷", "事件", 1.5, 0.20, "work"),
    Category("1601", "电动车违规充电", "事件", 5, 0.30, "evening"),
    Category("1602", "消防通道堵塞", "事件", 4, 0.40, "evening"),
    Category("1603", "火情隐患", "事件", 1, 0.90, "night"),
    Category("1701", "老人走失求助", "事件", 0.8, 0.95, "day"),
    Category("1704", "溺水风险", "事件", 0.6, 0.90, "day"),
    Category("1802", "犬只伤人", "事件", 1.2, 0.60, "day"),
)
CHANNELS = (
    ("网格员巡查", 0.46),
    ("12345热线", 0.22),
    ("随手拍", 0.14),
    ("110联动", 0.11),
    ("视频发现", 0.07),
)
URGENCIES = ("normal", "urgent", "critical")
_HOURS = {
    "day": [1, 1, 1, 1, 1, 3, 8, 16, 24, 26, 24, 18, 12, 16, 22, 24, 22, 18, 12, 8, 6, 4, 3, 2],
    "work": [1, 1, 0, 0, 0, 2, 6, 28, 34, 24, 20, 20, 16, 18, 20, 20, 24, 34, 26, 14, 8, 5, 3, 2],
    "market": [0, 0, 0, 1, 6, 22, 38, 36, 26, 16, 10, 9, 8, 8, 10, 14, 24, 34, 30, 22, 14, 6, 2, 1],
    "evening": [4, 2, 1, 1, 1, 2, 5, 8, 9, 9, 9, 10, 11, 10, 10, 11, 14, 20, 28, 34, 32, 24, 14, 8],
    "night": [22, 14, 8, 5, 4, 4, 6, 6, 6, 6, 6, 7, 9, 8, 6, 6, 7, 10, 16, 24, 32, 38, 38, 32],
}
_WEEK = {"work": [1.12, 1.08, 1.05, 1.06, 1.15, 0.82, 0.72], "market": [0.9, 0.9, 0.95, 0.9, 1.0, 1.2, 1.15]}


def _moments(rng: np.random.Generator, category: np.ndarray) -> pd.Series:
    days = np.arange(365)
    weekday = ((LAST_DAY - pd.Timedelta(days=364)).day_of_week + days) % 7
    season = 1.0 + 0.22 * np.sin(2 * np.pi * (days - 130) / 365.0)
    out = np.zeros(len(category), dtype=np.int64)
    for number, kind in enumerate(CATEGORIES):
        mine = np.flatnonzero(category == number)
        week = np.array(_WEEK.get(kind.rhythm, [1.04, 1.0, 0.98, 0.98, 1.02, 1.0, 0.98]))
        weight = season * week[weekday]
        hours = np.array(_HOURS[kind.rhythm], dtype=float)
        day = rng.choice(365, len(mine), p=weight / weight.sum())
        hour = rng.choice(24, len(mine), p=hours / hours.sum())
        out[mine] = (day * 24 + hour) * 3600 + rng.integers(0, 3600, len(mine))
    start = LAST_DAY - pd.Timedelta(days=364)
    return pd.Series(start + pd.to_timedelta(out, unit="s"))


def _places(
    rng: np.random.Generator, n: int, home_lonlat: Floats, weight: Floats, gap: shapely.Geometry
) -> Floats:
    """Scatter incidents around buildings by their draw, some in hot spots, a few in the gap, some nowhere."""
    hot = rng.choice(len(home_lonlat), max(6, len(home_lonlat) // 400), p=weight / weight.sum())
    at = rng.choice(len(home_lonlat), n, p=weight / weight.sum())
    in_hot = rng.random(n) < 0.3
    popularity = rng.dirichlet(np.full(len(hot), 0.6))
    at[in_hot] = hot[rng.choice(len(hot), int(in_hot.sum()), p=popularity)]
    spread = np.where(in_hot, 45.0, 16.0)[:, None] * np.array([1.0 / 97_500.0, 1.0 / 110_800.0])
    lonlat = home_lonlat[at] + rng.normal(0.0, 1.0, (n, 2)) * spread
    low_x, low_y, high_x, high_y = gap.bounds
    trial = rng.uniform([low_x, low_y], [high_x, high_y], (4000, 2))
    trial = np.round(trial / UNIT_DEG) * UNIT_DEG
    trial = trial[shapely.contains_xy(gap, trial[:, 0], trial[:, 1])]
    some = rng.choice(n, min(len(trial), 9 + n // 3000), replace=False)
    lonlat[some] = trial[: len(some)]
    lonlat = np.round(lonlat / UNIT_DEG) * UNIT_DEG
    unknown = np.setdiff1d(rng.choice(n, round(n * 0.01), replace=False), some)
    lonlat[unknown] = np.nan
    return np.asarray(lonlat, dtype=np.float64)


def make_incidents(
    rng: np.random.Generator, n: int, home_lonlat: Floats, weight: Floats, gap: shapely.Geometry
) -> pd.DataFrame:
    """Return a year of incidents ending on 21 November 2026, in order of time."""
    share = np.array([c.weight for c in CATEGORIES])
    category = rng.choice(len(CATEGORIES), n, p=share / share.sum())
    urgent = np.array([c.urgent for c in CATEGORIES])[category]
    draw = rng.random(n)
    level = np.where(draw < urgent * 0.2, 2, np.where(draw < urgent, 1, 0))
    channel = rng.choice(len(CHANNELS), n, p=[c[1] for c in CHANNELS])
    lonlat = _places(rng, n, home_lonlat, weight, gap)
    table = pd.DataFrame(
        {
            "occurred_at": _moments(rng, category),
            "category_code": [CATEGORIES[k].code for k in category.tolist()],
            "category": [CATEGORIES[k].name for k in category.tolist()],
            "category_group": [CATEGORIES[k].group for k in category.tolist()],
            "urgency": [URGENCIES[k] for k in level.tolist()],
            "channel": [CHANNELS[k][0] for k in channel.tolist()],
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
        }
    )
    table = table.sort_values("occurred_at", kind="stable", ignore_index=True)
    table.insert(0, "id", [f"YL{k:07d}" for k in range(1, n + 1)])
    return table


def brought_up_to(incidents: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Return incidents moved by whole weeks so that they end at a moment, in order of time.

    Each keeps its weekday and its time of day; none is later than ``now`` nor as early as 52 weeks before.
    """
    since = (now - incidents["occurred_at"]).dt.total_seconds()
    years = np.floor(since / YEAR.total_seconds())
    moved = incidents.assign(
        occurred_at=incidents["occurred_at"] + pd.to_timedelta(years * YEAR.days, unit="D")
    )
    return moved.sort_values(["occurred_at", "id"], kind="stable", ignore_index=True)
