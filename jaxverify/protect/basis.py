"""What a verdict rests on if nothing was rehearsed: trials of ours, by kind of data."""

from jaxverify.task.extra_task import Kind

_TRIALS: dict[Kind, str] = {
    "image": (
        "a small network on CIFAR-10: it knew such samples at the end when it was trained without "
        "augmentation, and never with crops, cutout or RandAugment"
    ),
    "text": (
        "TextCNN and an attentive LSTM on reviews and news: they knew such samples near the end of "
        "training"
    ),
    "vector": (
        "multilayer perceptrons on small tables: they knew such samples before the end, the "
        "earlier the more columns there were"
    ),
}


def basis(kind: Kind) -> str:
    """A sentence for whoever protects data without a plan.

    >>> basis("vector").endswith("jaxverify rehearse measures it for your data and recipe.")
    True
    """
    return (
        f"That a finished model knows them, and no other, rests on {_TRIALS[kind]}. jaxverify "
        "rehearse measures it for your data and recipe."
    )
