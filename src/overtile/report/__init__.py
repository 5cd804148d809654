"""The report: one self-contained HTML page about how good a segmentation is."""

from overtile.report.html import render, write_report

__all__ = ["render", "write_report"]
