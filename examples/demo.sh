#!/usr/bin/env bash
# The main job from end to end on made images: check, train, predict, evaluate, report. Everything lands in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
overtile=.venv/bin/overtile
budget=${BUDGET:-150s}
rm -rf demo

echo "== 14 made images of touching cells: 10 to learn from, 4 to measure on"
$overtile synthesize demo/cells --kind cells --count 10 --seed 1
$overtile synthesize demo/new --kind cells --count 4 --seed 2

echo "== what is in the folder"
$overtile check demo/cells

echo "== train for $budget"
$overtile train demo/cells --output demo/cells.overtile --budget "$budget"

echo "== segment images that the network has never seen"
$overtile predict --model demo/cells.overtile --images demo/new/images --output demo/segmented --probabilities

echo "== how good is it, on images that were not used for training"
$overtile evaluate --model demo/cells.overtile demo/new --json demo/scores.json --report demo/report.html

echo "Open demo/report.html in a browser."
