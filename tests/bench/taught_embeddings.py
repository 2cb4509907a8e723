"""Embeddings of a seeded part of a folder of photographs, for `tests.bench.taught`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from deploy.backends import open_backend
from deploy.bundle import load_bundle
from deploy.folders import find_labelled
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from edge_app.defaults import SHIPPED_BUNDLE
from train.data.duplicates import group_duplicates, thumbnail

POOL = 30  # pictures of a kind that near-duplicates are sought among


def main() -> int:
    """Write labels, embeddings and which kinds the bundle knows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path, help="an .npz file")
    parser.add_argument("--others", type=int, default=30, help="kinds that the bundle lacks")
    parser.add_argument("--views", type=int, default=14, help="pictures of each of them")
    parser.add_argument("--known-views", type=int, default=12, help="pictures of a known kind")
    args = parser.parse_args()
    bundle = load_bundle(SHIPPED_BUNDLE)
    random = np.random.default_rng(0)
    by_kind: dict[str, list[Path]] = {}
    for picture in find_labelled(args.photos):
        by_kind.setdefault(picture.label, []).append(picture.path)
    others = random.permutation(sorted(set(by_kind) - set(bundle.labels)))[: args.others]
    labels, embeddings = [], []
    with open_backend(bundle, "onnx-cpu", "auto", threads=1) as backend:
        for kind in [*bundle.labels, *others]:
            count = args.known_views if kind in bundle.labels else args.views
            paths = [by_kind[kind][i] for i in random.permutation(len(by_kind[kind]))[:POOL]]
            manifest = bundle.manifest
            squares = [
                preprocess_picture(read_picture(p), manifest.framing, manifest.input) for p in paths
            ]
            groups = group_duplicates(np.stack([thumbnail(square) for square in squares]))
            first = np.sort(np.unique(groups, return_index=True)[1])[:count]
            for index in first:
                embeddings.append(backend.infer(squares[index][None]).embedding[0])
                labels.append(kind)
            print(kind, len(first), file=sys.stderr, flush=True)
    np.savez(args.out, labels=labels, embeddings=embeddings, known=bundle.labels)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
