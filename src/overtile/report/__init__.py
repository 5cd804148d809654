"""The report: one self-contained HTML page about how good a segmentation is, or which of several networks is."""

from overtile.report.compare import render_comparison, write_comparison
from overtile.report.html import render, write_report

__all__ = ["render", "render_comparison", "write_comparison", "write_report"]
