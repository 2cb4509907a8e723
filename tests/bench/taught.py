"""How well a few taught views serve: `python -m tests.bench.taught PHOTOS`, a few minutes.

Kinds that the shipped bundle does not know are taught with some of their photographs. Their other
photographs (of other stones) should match, and so should other views of the very stones that were
taught; photographs of all other kinds should not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deploy.backends import Backend, open_backend
from deploy.bundle import Bundle, load_bundle
from deploy.decision import NAME, decide, probabilities
from deploy.familiarity import features, read_familiarity
from deploy.folders import find_labelled
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from deploy.record.stones import TaughtView
from edge_app.defaults import SHIPPED_BUNDLE
from edge_app.record.taught import SAME_KIND, taught_kinds
from train.data.duplicates import group_duplicates, thumbnail

POOL = 30  # pictures of a kind that near-duplicates are sought among
OTHERS, OTHER_PICTURES, KNOWN_PICTURES = 30, 14, 12
TURNED_VIEWS = 8  # of one picture of each kind that is taught
TRIALS = 20

Rows = dict[str, Any]


def main() -> int:
    """Print hits and false hits by threshold, for three and five views."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="a folder of photographs per kind")
    parser.add_argument("--keep", type=Path, help="an .npz file that keeps the embeddings")
    args = parser.parse_args()
    if args.keep and args.keep.exists():
        rows = dict(np.load(args.keep))
    else:
        rows = embed(args.photos)
        if args.keep:
            np.savez(args.keep, **rows)
    print("| views | cosine | hits | same stone | false, unknown | false, known | and not named |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for views in (3, 5):
        for limit in (0.94, 0.95, 0.96, 0.97, 0.98):
            print(f"| {views} | {limit} | {' | '.join(one_kind(rows, views, limit))} |")
    for views in (3, 5):
        print(f"five kinds at once, {views} views, {SAME_KIND}:", five_kinds(rows, views))
    return 0


def embed(photos: Path) -> Rows:
    """Embeddings of a seeded part of the photographs, near-duplicates left out."""
    bundle = load_bundle(SHIPPED_BUNDLE)
    random = np.random.default_rng(0)
    by_kind: dict[str, list[Path]] = {}
    for picture in find_labelled(photos):
        by_kind.setdefault(picture.label, []).append(picture.path)
    others = random.permutation(sorted(set(by_kind) - set(bundle.labels)))[:OTHERS]
    found: list[tuple[str, str, Any, bool]] = []
    with open_backend(bundle, "onnx-cpu", "auto", threads=1) as backend:
        for kind in [*bundle.labels, *others]:
            known = kind in bundle.labels
            order = random.permutation(len(by_kind[kind]))[:POOL]
            squares = distinct(bundle, [by_kind[kind][i] for i in order])
            squares = squares[: KNOWN_PICTURES if known else OTHER_PICTURES]
            what = "known" if known else "other"
            found += [(kind, what, *judge(bundle, backend, square)) for square in squares]
            if not known:
                turned = turned_views(squares[0], random)
                found += [(kind, "turned", *judge(bundle, backend, square)) for square in turned]
            print(kind, len(squares), file=sys.stderr, flush=True)
    kinds, whats, embeddings, named = zip(*found, strict=True)
    return {
        "kind": np.array(kinds),
        "what": np.array(whats),
        "rows": features(np.array(embeddings, np.float32)),
        "embedding": np.array(embeddings, np.float32),
        "named": np.array(named),
    }


def distinct(bundle: Bundle, paths: list[Path]) -> list[Any]:
    """The network's squares of pictures, one of each group of near-duplicates."""
    framing, spec = bundle.manifest.framing, bundle.manifest.input
    squares = [preprocess_picture(read_picture(path), framing, spec) for path in paths]
    groups = group_duplicates(np.stack([thumbnail(square) for square in squares]))
    return [squares[i] for i in np.sort(np.unique(groups, return_index=True)[1])]


def judge(bundle: Bundle, backend: Backend, square: Any) -> tuple[Any, bool]:
    """The embedding of a square, and whether the bundle alone would give it a name."""
    logits, embedding = backend.infer(square[None])
    decision, familiarity = bundle.manifest.decision, read_familiarity(bundle)
    score = familiarity.score(logits[0], embedding[0]) if familiarity else None
    confidences = probabilities(logits[0], decision.temperature)
    return embedding[0], decide(confidences, bundle.labels, decision, score).kind == NAME


def turned_views(square: Any, random: np.random.Generator) -> Iterator[Any]:
    """The same picture turned by any angle, moved, nearer or farther, up to 10 % lighter."""
    side = square.shape[0]
    for _ in range(TURNED_VIEWS):
        middle = (side / 2, side / 2)
        turn = cv2.getRotationMatrix2D(middle, random.uniform(0, 360), random.uniform(0.9, 1.1))
        turn[:, 2] += random.uniform(-0.05, 0.05, 2) * side
        view = cv2.warpAffine(square, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
        yield np.clip(view * random.uniform(0.9, 1.1), 0, 255).astype(np.uint8)


def one_kind(rows: Rows, views: int, limit: float) -> list[str]:
    """One kind taught at a time; shares of the others' photographs that match it."""
    counts: dict[str, list[Any]] = {"hits": [], "same": [], "other": [], "known": [], "shown": []}
    kind, what = rows["kind"], rows["what"]
    for label, random in trials(rows):
        taught, rest = drawn(rows, label, views, random)
        cosine = rows["rows"] @ mean(rows["rows"][taught])
        turned = np.flatnonzero((kind == label) & (what == "turned"))
        same = rows["rows"][turned[views:]] @ mean(rows["rows"][turned[:views]])
        match = cosine >= limit
        counts["hits"].append(match[rest])
        counts["same"].append(same >= limit)
        counts["other"].append(match[(what == "other") & (kind != label)])
        counts["known"].append(match[what == "known"])
        counts["shown"].append((match & ~rows["named"])[what == "known"])
    return [f"{np.concatenate(values).mean():.1%}" for values in counts.values()]


def five_kinds(rows: Rows, views: int) -> str:
    """Five kinds taught at once, by the code that a scanner runs."""
    right, wrong, false_other, false_known = [], [], [], []
    others = sorted(set(rows["kind"][rows["what"] == "other"]))
    for trial in range(TRIALS):
        random = np.random.default_rng(trial)
        labels = random.permutation(others)[:5]
        drawings = {label: drawn(rows, label, views, random) for label in labels}
        kinds = taught_kinds(
            [
                TaughtView("", label, "", rows["embedding"][i])
                for label, (taught, _) in drawings.items()
                for i in taught
            ]
        )
        said = [match.label if (match := kinds.match(e)) else "" for e in rows["embedding"]]
        for label, (_, rest) in drawings.items():
            right += [said[i] == label for i in rest]
            wrong += [said[i] not in ("", label) for i in rest]
        strangers = (rows["what"] == "other") & ~np.isin(rows["kind"], labels)
        false_other += [said[i] != "" for i in np.flatnonzero(strangers)]
        false_known += [said[i] != "" for i in np.flatnonzero(rows["what"] == "known")]
    shares = [f"{np.mean(v):.1%}" for v in (right, wrong, false_other, false_known)]
    return "right {}, as another taught kind {}, false: unknown {}, known {}".format(*shares)


def trials(rows: Rows) -> Iterator[tuple[str, np.random.Generator]]:
    """Every kind that may be taught, several times."""
    for trial in range(TRIALS):
        random = np.random.default_rng(trial)
        for label in sorted(set(rows["kind"][rows["what"] == "other"])):
            yield label, random


def drawn(rows: Rows, label: str, views: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Which photographs of a kind teach, and which are left."""
    mine = np.flatnonzero((rows["kind"] == label) & (rows["what"] == "other"))
    order = random.permutation(mine)
    return order[:views], order[views:]


def mean(views: Any) -> Any:
    """The direction of the mean of (V, 2048) features."""
    middle = views.mean(axis=0)
    return middle / np.linalg.norm(middle)


if __name__ == "__main__":
    raise SystemExit(main())
