"""What was found in a folder of annotated images."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from overtile.data.dataset import Sample
from overtile.data.summary import Summary

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Region:
    """Where to look: a part of an image, in pixels.

    Attributes:
        sample: name of the image.
        top: first row.
        left: first column.
        height: number of rows.
        width: number of columns.
        label: the object that is meant; None where it is all of them.
    """

    sample: str
    top: int
    left: int
    height: int
    width: int
    label: int | None = None


@dataclass(frozen=True)
class Finding:
    """One thing to know about a folder.

    Attributes:
        severity: errors stop training; warnings lower its quality; notes say what was assumed.
        file: the file or folder concerned.
        message: what was found.
        remedy: what to do about it; empty where nothing needs to be done.
        kind: a name for this kind of finding, such as "near-duplicates".
        command: what to type to mend it; empty where no command can.
        regions: where to look.
        files: the image file and the label file, where they cannot be used and no region can be shown.
    """

    severity: Severity
    file: str
    message: str
    remedy: str = ""
    kind: str = "note"
    command: str = ""
    regions: tuple[Region, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All that was found in a folder.

    Attributes:
        folder: which one.
        findings: errors first, then warnings, then notes.
        summary: what the folder holds; None when errors prevent it.
        samples: the images with their labels, as far as they could be read; not part of the JSON.
        train: the command that trains on this folder.
    """

    folder: str
    findings: tuple[Finding, ...]
    summary: Summary | None
    samples: tuple[Sample, ...] = field(default=(), repr=False)
    train: str = ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def groups(self) -> tuple[tuple[Finding, ...], ...]:
        """The findings in their order, those of one kind with one remedy together."""
        groups: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in self.findings:
            key = finding.kind if finding.kind != "note" else finding.message
            groups.setdefault((finding.severity, key, finding.remedy), []).append(finding)
        return tuple(map(tuple, groups.values()))

    def to_json(self) -> dict[str, Any]:
        """Everything but the pixels, as plain values."""
        return {
            "folder": self.folder,
            "train": self.train,
            "findings": [asdict(finding) for finding in self.findings],
            "summary": None if self.summary is None else asdict(self.summary),
        }
