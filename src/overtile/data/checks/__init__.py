"""What can be wrong with annotated images, one file per kind."""

from overtile.data.checks.classes import check_classes
from overtile.data.checks.encoding import check_encoding
from overtile.data.checks.intensity import check_intensity
from overtile.data.checks.likeness import check_likeness
from overtile.data.checks.objects import check_objects
from overtile.data.checks.registration import check_registration

__all__ = [
    "check_classes",
    "check_encoding",
    "check_intensity",
    "check_likeness",
    "check_objects",
    "check_registration",
]
