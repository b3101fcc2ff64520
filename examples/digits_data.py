"""The handwritten digits the examples classify: scikit-learn's 1,797 scans of 8 x 8 pixels, split once and for all.

They are the test half of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998), which
scikit-learn carries within itself, so nothing is downloaded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import ToolError

TEST_IMAGES = 450
SEED = 0  # numpy's RandomState, whose stream is frozen: the split is the same on every machine

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def load_split() -> tuple[Images, Labels, Images, Labels]:
    """Training images and labels, then those held back for the test, each digit as frequent in one as in the other.

    Images: float32 (1347, 1, 8, 8) and (450, 1, 8, 8), 0 (paper) to 1 (ink). Labels: int64 0 to 9. Raises ToolError
    where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError:
        raise ToolError(
            "scikit-learn is not installed, and the digits come from it: pip install 'weft[train]'"
        ) from None
    pixels, digits = load_digits(return_X_y=True)
    images = (np.asarray(pixels, np.float32) / 16).reshape(-1, 1, 8, 8)  # 16: ink in a scan's 4 x 4 bitmap cell
    labels = np.asarray(digits, np.int64)
    train, test = train_test_split(np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=SEED)
    return images[train], labels[train], images[test], labels[test]


def flatten(images: Images) -> Images:
    """Images (N, 1, 8, 8) as the rows (N, 64) that the MLP takes."""
    return images.reshape(len(images), -1)
