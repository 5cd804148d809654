"""Networks of the U-Net family, and the geometry of any network."""

from overtile.models.architectures import ARCHITECTURES, arguments_of, build
from overtile.models.checkpoints import is_same_network, load_foreign_state, load_imagenet, read_checkpoint
from overtile.models.doubt import Doubt, kind_of_doubt
from overtile.models.ensemble import Ensemble, members_of
from overtile.models.geometry import Geometry, geometry
from overtile.models.heads import Guided, heads_of
from overtile.models.layout import channels_last
from overtile.models.presets import PRESETS, preset, preset_arguments
from overtile.models.pruning import prune
from overtile.models.summary import Summary, summary

__all__ = [
    "ARCHITECTURES",
    "PRESETS",
    "Doubt",
    "Ensemble",
    "Geometry",
    "Guided",
    "Summary",
    "arguments_of",
    "build",
    "channels_last",
    "geometry",
    "heads_of",
    "is_same_network",
    "kind_of_doubt",
    "load_foreign_state",
    "load_imagenet",
    "members_of",
    "preset",
    "preset_arguments",
    "prune",
    "read_checkpoint",
    "summary",
]
