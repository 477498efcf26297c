"""Chance that always falls the same way, and proportions that add up.

No clock and no global randomness: every number follows from an organization's slug, its size and
the day asked for, so two simulated GitHubs agree about the same day.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from the parts alone."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48


def seeded(*parts: object) -> random.Random:
    """A generator whose numbers follow from the parts alone."""
    return random.Random("/".join(map(str, parts)))


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Whole parts in proportion to the weights whose sum is exactly the total."""
    if not total:
        return [0] * len(weights)
    scale = total / sum(weights)
    parts = [int(weight * scale) for weight in weights]
    if missing := total - sum(parts):
        by_remainder = sorted(range(len(weights)), key=lambda i: parts[i] - weights[i] * scale)
        for i in by_remainder[:missing]:
            parts[i] += 1
    return parts
