"""The report: one self-contained HTML page about a folder of images, a segmentation, or several networks."""

from overtile.report.check import render_check, write_check
from overtile.report.compare import render_comparison, write_comparison
from overtile.report.html import render, write_report
from overtile.report.learning_curve import render_learning_curve, write_learning_curve

__all__ = [
    "render",
    "render_check",
    "render_comparison",
    "render_learning_curve",
    "write_check",
    "write_comparison",
    "write_learning_curve",
    "write_report",
]
