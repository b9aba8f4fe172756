"""Two things measured in turn, and the confidence interval of their ratio."""

import random
import statistics

RESAMPLES = 1000


def interleaved(rounds, actions):
    """Do each action once a round, in random order; return the results by name."""
    rng = random.Random(113047)
    results = {name: [] for name in actions}
    names = list(actions)
    for _ in range(rounds):
        rng.shuffle(names)
        for name in names:
            results[name].append(actions[name]())
    return results


def ratio_of_medians(above, below):
    """Return the ratio of the medians of paired measurements, and its 95 % interval.

    The interval is that of a bootstrap over the pairs: the middle 95 % of the ratios of
    random samples, each of as many pairs, with replacement.
    """
    rng = random.Random(113047)
    pairs = list(zip(above, below, strict=True))
    ratios = sorted(_ratio(rng.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    low, high = ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES)]
    return _ratio(pairs), low, high


def _ratio(pairs):
    above, below = zip(*pairs, strict=True)
    return statistics.median(above) / statistics.median(below)
