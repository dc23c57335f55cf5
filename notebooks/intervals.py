"""Intervals and sample sizes for shares, with nothing but Python's standard library.

In: counts. Out: shares with the interval in which the true one lies, at the stated level.
Deliberately absent: anything that assumes a normal distribution of what was measured.

Sources: E. B. Wilson, JASA 22 (1927) 209; R. G. Newcombe, Statistics in Medicine 17 (1998) 873,
method 10; intervals hold for one look at the data, not for looking every day until it fits.
"""

from __future__ import annotations

import math
from statistics import NormalDist

NORMAL = NormalDist()


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share.

    >>> [round(edge, 4) for edge in wilson(8, 10)]
    [0.4902, 0.9433]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if trials == 0:
        return 0.0, 1.0
    z = NORMAL.inv_cdf(0.5 + level / 2)
    share = successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def difference(
    successes: int, trials: int, successes_base: int, trials_base: int, level: float = 0.95
) -> tuple[float, float, float]:
    """One share less another one: the difference and its interval.

    >>> [round(value, 4) for value in difference(56, 70, 48, 80)]
    [0.2, 0.0524, 0.3339]
    """
    if trials == 0 or trials_base == 0:
        return 0.0, -1.0, 1.0
    share, base = successes / trials, successes_base / trials_base
    low, high = wilson(successes, trials, level)
    low_base, high_base = wilson(successes_base, trials_base, level)
    apart = share - base
    return (
        apart,
        apart - math.hypot(share - low, high_base - base),
        apart + math.hypot(high - share, base - low_base),
    )


def chance(successes: int, trials: int, successes_base: int, trials_base: int) -> float:
    """How often two equal shares would look at least this different: two-sided, pooled z.

    >>> round(chance(56, 70, 48, 80), 4)
    0.008
    """
    if min(trials, trials_base) == 0:
        return 1.0
    pooled = (successes + successes_base) / (trials + trials_base)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / trials + 1 / trials_base))
    if spread == 0:
        return 1.0
    z = (successes / trials - successes_base / trials_base) / spread
    return 2 * (1 - NORMAL.cdf(abs(z)))


def sample_size(base: float, lift: float, level: float = 0.95, power: float = 0.8) -> int:
    """How many each arm needs to see `base` become `base + lift` with this power.

    >>> sample_size(0.10, 0.02)
    3841
    """
    other = base + lift
    z_level, z_power = NORMAL.inv_cdf(0.5 + level / 2), NORMAL.inv_cdf(power)
    mean = (base + other) / 2
    root = z_level * math.sqrt(2 * mean * (1 - mean)) + z_power * math.sqrt(
        base * (1 - base) + other * (1 - other)
    )
    return math.ceil((root / lift) ** 2)


def smallest_lift(base: float, trials: int, level: float = 0.95, power: float = 0.8) -> float:
    """The least rise of a share that so many in each arm can show.

    >>> round(smallest_lift(0.10, 3841), 3)
    0.02
    """
    low, high = 1e-6, 1 - base - 1e-6
    for _ in range(60):
        middle = (low + high) / 2
        if sample_size(base, middle, level, power) > trials:
            low = middle
        else:
            high = middle
    return high


def percentile(values: list[float], share: float, level: float = 0.95) -> tuple[float, float, float]:
    """A percentile by nearest rank, and its interval from the ranks around it.

    No shape is assumed: how many of the values lie below the true one is binomial.

    >>> percentile(list(range(1, 101)), 0.5)
    (50, 40, 60)
    """
    ordered = sorted(values)
    count = len(ordered)
    rank = max(1, math.ceil(share * count))
    z = NORMAL.inv_cdf(0.5 + level / 2)
    half = z * math.sqrt(count * share * (1 - share))
    low = max(1, math.floor(rank - half))
    high = min(count, math.ceil(rank + half))
    return ordered[rank - 1], ordered[low - 1], ordered[high - 1]


def odds_ratio(tables: list[tuple[int, int, int, int]], level: float = 0.95) -> tuple[float, float, float]:
    """The common odds ratio of several strata (Mantel and Haenszel) and its interval.

    A table is successes and failures of one arm, then of the other. The interval is that of
    Robins, Breslow and Greenland (Biometrics 42, 1986).

    >>> [round(value, 3) for value in odds_ratio([(10, 10, 5, 15)])]
    [3.0, 0.786, 11.445]
    """
    r_sum = s_sum = pr = ps_qr = qs = 0.0
    for a, b, c, d in tables:
        n = a + b + c + d
        if n == 0:
            continue
        r, s = a * d / n, b * c / n
        p, q = (a + d) / n, (b + c) / n
        r_sum, s_sum = r_sum + r, s_sum + s
        pr, ps_qr, qs = pr + p * r, ps_qr + p * s + q * r, qs + q * s
    if r_sum == 0 or s_sum == 0:
        return math.nan, 0.0, math.inf
    ratio = r_sum / s_sum
    spread = math.sqrt(
        pr / (2 * r_sum**2) + ps_qr / (2 * r_sum * s_sum) + qs / (2 * s_sum**2)
    )
    z = NORMAL.inv_cdf(0.5 + level / 2)
    return ratio, ratio * math.exp(-z * spread), ratio * math.exp(z * spread)
