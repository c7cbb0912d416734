"""Ranking measures of a binary score, in plain Python so that anyone can rerun and read them.

Ties are handled the exact way: rows with equal scores move together, so a measure never depends on row order.
"""

from itertools import groupby


class Curve:
    """Counts of positives and negatives at or above each distinct score, highest first."""

    def __init__(self, labels, scores):
        pairs = sorted(zip(scores, labels), key=lambda pair: -pair[0])
        self.thresholds, self.true_positives, self.false_positives = [], [], []
        hits = misses = 0
        for score, group in groupby(pairs, key=lambda pair: pair[0]):
            for _, label in group:
                if label:
                    hits += 1
                else:
                    misses += 1
            self.thresholds.append(score)
            self.true_positives.append(hits)
            self.false_positives.append(misses)
        self.positives, self.negatives = hits, misses

    def auc(self):
        """Area under the ROC curve by trapezoids; None when only one class is present."""
        if not self.positives or not self.negatives:
            return None
        area = previous_hits = previous_misses = 0
        for hits, misses in zip(self.true_positives, self.false_positives):
            area += (misses - previous_misses) * (hits + previous_hits)  # twice the area, kept in integers
            previous_hits, previous_misses = hits, misses
        return area / (2 * self.positives * self.negatives)

    def average_precision(self):
        """The sum of precision times the step in recall, highest scores first; None without positives."""
        if not self.positives:
            return None
        total, previous = 0.0, 0
        for hits, misses in zip(self.true_positives, self.false_positives):
            total += (hits - previous) * hits / (hits + misses)
            previous = hits
        return total / self.positives

    def precision_at_recall(self, recall):
        """The best precision among thresholds that reach `recall`; None without positives."""
        if not self.positives:
            return None
        reached = [
            hits / (hits + misses)
            for hits, misses in zip(self.true_positives, self.false_positives)
            if hits >= recall * self.positives
        ]
        return max(reached)

    def points(self, most=200):
        """At most `most` points of both curves, evenly spaced by rank, first and last included."""
        count = len(self.thresholds)
        step = max(1, -(-count // most))
        indices = list(range(0, count, step))
        if count and indices[-1] != count - 1:
            indices.append(count - 1)
        return [
            {
                "threshold": self.thresholds[i],
                "recall": self.true_positives[i] / self.positives if self.positives else None,
                "false_positive_rate": self.false_positives[i] / self.negatives if self.negatives else None,
                "precision": self.true_positives[i] / (self.true_positives[i] + self.false_positives[i]),
            }
            for i in indices
        ]


def summary(labels, scores, points=0):
    """The figures the demo prints, as a dictionary."""
    curve = Curve(labels, scores)
    result = {
        "rows": curve.positives + curve.negatives,
        "positives": curve.positives,
        "auc": curve.auc(),
        "average_precision": curve.average_precision(),
        "precision_at_recall_50": curve.precision_at_recall(0.5),
    }
    if points:
        result["curve"] = curve.points(points)
    return result
