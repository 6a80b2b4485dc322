"""Sets of modalities, what they are worth, and who of them deserves it.

A set is written as a number whose m-th bit says whether modality m is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import factorial

import numpy as np
from numpy.typing import NDArray

__all__ = ["members", "shapley_interactions", "shapley_values", "without_one"]


def members(coalition: int, n_players: int) -> NDArray:
    """Tell who is in a set.

    Parameters
    ----------
    coalition : int
        The set, from 0 (nobody) to ``2**n_players - 1`` (all).
    n_players : int
        Number of players.

    Returns
    -------
    inside : ndarray of bool, shape (n_players,)
    """
    return (coalition >> np.arange(n_players)) & 1 == 1


def without_one(n_players: int) -> Iterable[int]:
    """List the sets of all but one player, in the order of who is left out.

    Parameters
    ----------
    n_players : int
        Number of players.

    Returns
    -------
    coalitions : iterable of int
    """
    everybody = 2**n_players - 1
    return [everybody - (1 << m) for m in range(n_players)]


def shapley_values(worth: Mapping[int, NDArray], n_players: int) -> NDArray:
    r"""Share out what all are worth together.

    .. math::
        \phi_m = \sum_{S \not\ni m} \frac{|S|! (M - |S| - 1)!}{M!}
        \left(v(S \cup m) - v(S)\right)

    Parameters
    ----------
    worth : mapping of int to ndarray of shape (...)
        v of each of the 2**M sets.
    n_players : int
        M.

    Returns
    -------
    phi : ndarray of shape (M, ...)
        With the sum v(all) - v(nobody).
    """
    phi = np.zeros((n_players, *np.shape(worth[0])))
    for coalition, value in worth.items():
        size = coalition.bit_count()
        for m, inside in enumerate(members(coalition, n_players)):
            others = size - 1 if inside else size
            share = factorial(others) * factorial(n_players - others - 1)
            phi[m] += (1 if inside else -1) * share / factorial(n_players) * value
    return phi


def shapley_interactions(worth: Mapping[int, NDArray], n_players: int) -> NDArray:
    r"""Tell what every two are worth beyond what each is worth without the other.

    .. math::
        I_{ab} = \sum_{S \not\ni a, b} \frac{|S|! (M - |S| - 2)!}{(M - 1)!}
        \left(v(S \cup ab) - v(S \cup a) - v(S \cup b) + v(S)\right)

    Parameters
    ----------
    worth : mapping of int to ndarray of shape (...)
        v of each of the 2**M sets.
    n_players : int
        M.

    Returns
    -------
    interactions : ndarray of shape (M, M, ...)
        Symmetric; NaN on the diagonal.
    """
    found = np.full((n_players, n_players, *np.shape(worth[0])), np.nan)
    for a in range(n_players):
        for b in range(a):
            found[a, b] = found[b, a] = _interaction(worth, n_players, a, b)
    return found


def _interaction(
    worth: Mapping[int, NDArray], n_players: int, a: int, b: int
) -> NDArray:
    total = np.zeros(np.shape(worth[0]))
    bit_a, bit_b = 1 << a, 1 << b
    for others in worth:
        if not others & (bit_a | bit_b):
            size = others.bit_count()
            share = factorial(size) * factorial(n_players - size - 2)
            both, neither = worth[others | bit_a | bit_b], worth[others]
            alone = worth[others | bit_a] + worth[others | bit_b]
            total += share / factorial(n_players - 1) * (both - alone + neither)
    return total
