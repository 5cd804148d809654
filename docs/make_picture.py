"""Draw the picture of the README: image, truth, prediction and errors of an image that was not used in training.

python docs/make_picture.py MODEL DATA NAME docs/images/result.png
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import overtile
from overtile.report.images import displayed
from overtile.report.overlays import class_picture, error_kinds, error_picture, object_picture

GAP_PX = 12

SIDE_PX = 420
"""Side of the corner of the image that is shown."""


def main(model: str, data: str, name: str, out: str) -> None:
    """Predict one image of an annotated folder and write the four pictures side by side."""
    images = overtile.read(data)
    (sample,) = (s for s in images.samples if s.name == name)
    result = overtile.load(model).segment(sample.image.array)
    ids = images.labelling.task == "instances"
    predicted = result.labels if ids else result.probabilities.argmax(axis=0)
    valid = np.ones(sample.labels.shape, bool)
    shown = displayed(sample.image.array)
    grey = shown if shown.ndim == 2 else shown.mean(axis=-1).astype(np.uint8)
    drawn = [
        object_picture(labels, valid) if ids else class_picture(labels, valid, len(images.labelling.class_names))
        for labels in (sample.labels, predicted)
    ]
    errors = error_picture(error_kinds(sample.labels, predicted, valid), grey, valid)
    panels = [shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=-1)]
    panels += [np.array(p.palette, np.uint8)[p.indices] for p in (*drawn, errors)]
    panels = [panel[:SIDE_PX, :SIDE_PX] for panel in panels]
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, np.uint8)
    strip = np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strip).quantize(128).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
