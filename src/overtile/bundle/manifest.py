"""What a model file says about its network: everything that prediction needs besides the weights."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from overtile.core import ModelFileError, Normalization
from overtile.data import Labelling

SCHEMA_VERSION = 2
"""2 came with ensembles; a file of one network is still written as 1, so that earlier versions read it."""


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json.

    Attributes:
        architecture: a key of overtile.models.ARCHITECTURES.
        arguments: keyword arguments of that builder.
        in_channels: image channels.
        num_classes: channels of the logits.
        normalization: what turns stored samples into network input.
        task: "semantic": the labels are classes; "instances": the labels are object ids.
        target: what the network was trained to give: "classes", or for object ids "foreground", "boundary" or
            "distance".
        class_values: the value that stands for each class in label images, such as 0 and 255.
        class_names: one per class.
        ignore_label: the value of pixels that were not annotated, or None.
        pixel_size_um: of the training images (y, x), their median; None where no image has one.
        channels: numbers or names of the channels that were taken of the stored images; empty for all.
        postprocessing: how class maps become objects, for the task "instances".
        training: the record of the training: command, versions, machine, images, split, history, settings.
        metrics: what was measured, and on which images.
        overtile_version: that wrote the file.
        members: number of networks whose probabilities are averaged.
    """

    architecture: str
    arguments: dict[str, Any]
    in_channels: int
    num_classes: int
    normalization: Normalization
    task: str
    target: str
    class_values: tuple[int, ...]
    class_names: tuple[str, ...]
    ignore_label: int | None = None
    pixel_size_um: tuple[float, ...] | None = None
    channels: tuple[str, ...] = ()
    postprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    overtile_version: str = ""
    members: int = 1

    @property
    def labelling(self) -> Labelling:
        """What the labels of the training meant."""
        return Labelling(
            "instances" if self.task == "instances" else "semantic",
            self.class_values,
            self.class_names,
            self.ignore_label,
        )

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the maps that the network gives: its classes, or what it learned from object ids."""
        from overtile.targets import INSTANCE_TARGETS  # takes half a second, for numba

        return INSTANCE_TARGETS[self.target].classes if self.target in INSTANCE_TARGETS else self.class_names

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, with the schema version."""
        return {"schema_version": SCHEMA_VERSION if self.members > 1 else 1, **asdict(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Manifest":
        """Read a JSON object.

        Raises:
            ModelFileError: the schema is newer than this version, or an entry is missing.
        """
        version = content.get("schema_version")
        if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
            raise ModelFileError(
                f"the model file has schema version {version!r}, this overtile reads 1 to {SCHEMA_VERSION}: "
                "update overtile to use it"
            )
        if not isinstance(content.get("members", 1), int) or content.get("members", 1) < 1:
            raise ModelFileError(f"the manifest names {content['members']!r} networks: expected 1 or more")
        known = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        try:
            known["normalization"] = Normalization(
                offset=tuple(known["normalization"]["offset"]),
                scale=tuple(known["normalization"]["scale"]),
                scheme=known["normalization"]["scheme"],
            )
            for name in ("class_values", "class_names"):
                known[name] = tuple(known[name])
            known["pixel_size_um"] = known.get("pixel_size_um") and tuple(known["pixel_size_um"])
            known["channels"] = tuple(known.get("channels", ()))
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"the manifest of the model file is incomplete: {error}") from error
