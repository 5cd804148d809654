"""Foreground-restricted Rand scores and V^Info of the EM challenges (Arganda-Carreras et al. 2015).

Both look only at the n pixels inside the truth's objects. p_ij is the share of them in truth object i and proposed
object j, a_i = sum_j p_ij (j = 0 included) and b_j = sum_i p_ij. Pixels that the proposal leaves to the background
(j = 0) are each an object of their own.

V^Rand and V^Info proper are the same scores of a proposal whose borders were thinned first (`thin_borders`); the Rand
error of the first leaderboard takes the proposal as it is. scikit-image's `adapted_rand_error` is neither: it takes the
proposal's background for one object, counts n (n - 1) pairs, and returns precision and recall exchanged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtile.metrics.contingency import Contingency
from overtile.metrics.sums import Number, add, harmonic_mean, largest, map_fields, ratio


@dataclass(frozen=True)
class RandSums:
    """Ordered pairs of pixels that lie in one object. Adds up over the slices of a stack, as the challenge does.

    Attributes:
        both: n^2 (sum_ij p_ij^2 + aux), together in truth and proposal; aux = sum_i p_i0 / n.
        truth: n^2 sum_i a_i^2, together in the truth.
        proposal: n^2 (sum_j b_j^2 + aux), together in the proposal.
    """

    both: Number
    truth: Number
    proposal: Number

    __add__ = add

    @property
    def precision(self) -> Number:
        """P = sumAB / sumB, in [0, 1], higher is better; mergers lower it, splits do not. NaN without truth."""
        return ratio(self.both, self.proposal)

    @property
    def recall(self) -> Number:
        """R = sumAB / sumA, in [0, 1], higher is better; splits lower it, mergers do not. NaN without truth."""
        return ratio(self.both, self.truth)

    @property
    def f_score(self) -> Number:
        """F = 2 P R / (P + R), in [0, 1], higher is better. NaN without truth; 1 / n or so without proposal."""
        return harmonic_mean(self.precision, self.recall)


def rand_by_object(table: Contingency) -> RandSums:
    """Part of each truth object in the Rand sums, fields of shape (objects,)."""
    row, col, count = _inside(table)
    b = np.bincount(col, weights=count, minlength=len(table.prediction_ids))
    singletons = col == 0
    both = np.where(singletons, count, count**2)
    proposal = np.where(singletons, count, count * b[col])

    def per_object(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(row, weights=value, minlength=table.truths).astype(np.float64)

    return RandSums(per_object(both), per_object(count) ** 2, per_object(proposal))


def rand_sums(table: Contingency) -> RandSums:
    """Rand sums of one image.

    >>> from overtile.metrics.contingency import contingency
    >>> sums = rand_sums(contingency(np.array([1, 1, 2, 2]), np.array([3, 3, 3, 0])))
    >>> sums  # p_ij n: 2, 1 and a singleton
    RandSums(both=np.float64(6.0), truth=np.float64(8.0), proposal=np.float64(10.0))
    >>> sums.precision, sums.recall
    (np.float64(0.6), np.float64(0.75))
    """
    return map_fields(rand_by_object(table), np.sum)


def rand_error(sums: RandSums) -> Number:
    """Rand error of the ISBI 2012 leaderboard.

    e = 1 - max_threshold F, the last axis of the sums being the thresholds (one value without such an axis). In
    [0, 1], lower is better. NaN if the truth is empty: then no pixel is measured.

    >>> print(round(float(rand_error(RandSums(6.0, 8.0, 10.0))), 4))  # F = 2 * .6 * .75 / 1.35
    0.3333
    """
    return 1 - largest(sums.f_score)


def v_rand(sums: RandSums) -> Number:
    """V^Rand of the 2015 leaderboard, of a proposal whose borders were thinned (`thin_borders`).

    V = max_threshold F, the last axis of the sums being the thresholds (one value without such an axis). In [0, 1],
    higher is better. NaN if the truth is empty.

    >>> print(round(float(v_rand(RandSums(6.0, 8.0, 10.0))), 4))
    0.6667
    """
    return largest(sums.f_score)


@dataclass(frozen=True)
class InformationSums:
    """Entropies in nats, as sums over objects of one image; V^Info of a stack is the mean over its slices.

    Attributes:
        truth: H(T) = -sum_i a_i ln a_i.
        proposal: H(S) = -sum_j b_j ln b_j + ln n sum_i p_i0.
        joint: H(S, T) = -sum_ij p_ij ln p_ij + ln n sum_i p_i0.
        share: sum_ij p_ij, that is 1, or 0 where the truth is empty.
    """

    truth: Number
    proposal: Number
    joint: Number
    share: Number = 1.0

    __add__ = add

    @property
    def variation(self) -> Number:
        """Variation of information H(S|T) + H(T|S) in nats, 0 or more, lower is better."""
        return 2 * np.asarray(self.joint) - self.truth - self.proposal

    @property
    def f_score(self) -> Number:
        """V^Info = 2 P R / (P + R) with P = I / H(T), R = I / H(S), I = H(T) + H(S) - H(S, T); higher is better.

        In [0, 1]. As in Fiji: H(T) = 0 gives P = 0, R = 1, H(S) = 0 gives P = 1, R = 0, and P + R = 0 gives NaN.
        Unlike Fiji, where it would be 0: both entropies 0, one object in each, is perfect agreement, 1.
        """
        one_truth, one_proposal = np.equal(self.truth, 0), np.equal(self.proposal, 0)
        mutual = np.add(self.truth, self.proposal) - self.joint
        precision = np.where(one_proposal, 1.0, ratio(mutual, self.truth, empty=0.0))
        recall = np.where(one_truth, 1.0, ratio(mutual, self.proposal, empty=0.0))
        return harmonic_mean(precision, np.where(np.equal(self.share, 0), np.nan, recall))


def information_by_object(table: Contingency) -> InformationSums:
    """Part of each truth object in the entropies, fields of shape (objects,)."""
    row, col, count = _inside(table)
    n = max(float(count.sum()), 1.0)
    a = np.bincount(row, weights=count, minlength=table.truths) / n
    b = np.bincount(col, weights=count, minlength=len(table.prediction_ids)) / n
    p = count / n
    singletons = col == 0

    def entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
        surprise = np.where(singletons, np.log(n), -np.log(share))
        return np.bincount(row, weights=p * surprise, minlength=table.truths).astype(np.float64)

    return InformationSums(-a * np.log(a), entropy(b[col]), entropy(p), a)


def information_sums(table: Contingency) -> InformationSums:
    """Entropies of one image.

    >>> from overtile.metrics.contingency import contingency
    >>> sums = information_sums(contingency(np.array([1, 1, 2, 2]), np.array([3, 3, 4, 4])))
    >>> [round(float(h / np.log(2)), 3) for h in (sums.truth, sums.proposal, sums.joint)]  # in bits
    [1.0, 1.0, 1.0]
    """
    return map_fields(information_by_object(table), np.sum)


def v_info(sums: InformationSums) -> Number:
    """V^Info of one image: the largest F over the thresholds, the last axis of the sums.

    In [0, 1], higher is better. NaN thresholds are passed over; NaN if the truth is empty.

    >>> v_info(InformationSums(truth=np.log(2), proposal=np.log(2), joint=np.log(2)))
    np.float64(1.0)
    """
    return largest(sums.f_score)


def _inside(
    table: Contingency,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Entries inside the truth's objects: object (from 0), column, pixels."""
    inside = table.row > 0
    return table.row[inside] - 1, table.col[inside], table.count[inside].astype(np.float64)
