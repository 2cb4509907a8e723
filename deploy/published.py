"""Published results, which a report prints beside our own.

They are not like for like: the study of 15 gems split after augmenting, so that turned copies of
one photograph stood on both sides. `docs/training.md` says what that does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedClass:
    """One row of the study's tables: picture counts after augmenting, accuracy in per cent."""

    training: int
    test: int
    accuracy: float


# Jin & Li, "Residual Neural Networks for Gemstone Recognition and Classification": ResNet-50,
# 224 x 224, Adam at 0.1, 100 epochs. The captions of its two count columns are exchanged there.
STUDY_15 = {
    "Alexandrite": PublishedClass(442, 55, 89.40),
    "Almandine": PublishedClass(457, 57, 88.91),
    "Benitoite": PublishedClass(464, 58, 94.14),
    "Cats Eye": PublishedClass(435, 54, 94.89),
    "Carnelian": PublishedClass(416, 52, 96.41),
    "Beryl Golden": PublishedClass(433, 54, 94.75),
    "Danburite": PublishedClass(416, 52, 95.12),
    "Diamond": PublishedClass(465, 58, 93.51),
    "Emerald": PublishedClass(448, 56, 93.85),
    "Fluorite": PublishedClass(442, 55, 94.91),
    "Garnet Red": PublishedClass(432, 54, 92.31),
    "Hessonite": PublishedClass(441, 55, 92.58),
    "Iolite": PublishedClass(448, 56, 92.63),
    "Jade": PublishedClass(441, 55, 94.02),
    "Kunzite": PublishedClass(425, 53, 94.51),
}
STUDY_15_MEAN = 93.46  # per cent, over the 15 classes
STUDY_15_PHOTOGRAPHS = 1789
STUDY_15_AUGMENTED = 8156

# Chow & Reyes-Aldasoro, Minerals 2022, 12(1), 60: 2,042 training and 284 test photographs of 68
# classes, the best of 231 pairs of features and classifier; and three gemmologists on the same.
STUDY_68_BEST = 69.4  # per cent
STUDY_68_GEMMOLOGISTS = (42.6, 66.9)  # per cent, lowest and highest
