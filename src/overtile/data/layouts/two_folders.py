"""Images in one folder, masks in another: DATA/images/NAME.tif and DATA/labels/NAME.tif."""

from pathlib import Path

from overtile.core.errors import DataError
from overtile.data.layouts.folders import IMAGE_FOLDERS, contents, label_folder, only_folder, readable, subfolders
from overtile.data.layouts.layout import Layout
from overtile.data.layouts.masks import Files, paired_masks
from overtile.data.reading import Reading

OTHER_ANNOTATIONS = (".json", ".geojson", ".zip", ".roi")
"""Where there are these and no masks, it is another layout."""


def find_two_folders(root: Path, reading: Reading) -> Layout | None:
    """Find a folder of images beside a folder of masks.

    Raises:
        DataError: there are several such folders, or one holds nothing that can be read.
    """
    found = subfolders(root, IMAGE_FOLDERS)
    targets = label_folder(root, reading.labels) if found else None
    images = only_folder(root, "images", found)
    if images is None or targets is None:
        return None
    label_files, label_notes = readable(targets)
    beside = [path for folder in (root, images, targets) for path in folder.iterdir()]
    if not label_files and any(path.suffix.lower() in OTHER_ANNOTATIONS for path in beside):
        return None
    image_files, image_notes = readable(images)
    for folder, files in ((images, image_files), (targets, label_files)):
        if not files:
            raise DataError(f"{folder} holds no image that can be read. Found {contents(folder)}.")
    return paired_masks("images-labels", Files(image_files, label_files, image_notes + label_notes), reading)
