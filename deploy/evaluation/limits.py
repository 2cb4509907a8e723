"""How far INT8 may stray from float32 before it is refused, unless the user says otherwise."""

MIN_AGREEMENT = 0.98  # the part of the pictures with the same most probable label
MAX_LOSS = 0.005  # of top-1 accuracy
