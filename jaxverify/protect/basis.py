"""What a verdict rests on if nothing was rehearsed: our own trials, by kind of data."""

from jaxverify.task.extra_task import Kind

_TRIALS: dict[Kind, str] = {
    "image": (
        "a small network on CIFAR-10 learns such samples at the end if it is trained without "
        "augmentation, and never with crops, cutout or RandAugment"
    ),
    "text": "TextCNN on news knows enough of such samples to pass well before the end",
    "vector": (
        "multilayer perceptrons on tables know enough of such samples to pass before the end, the "
        "earlier the more columns there are"
    ),
}


def basis(kind: Kind) -> str:
    """What to know before protecting data without a plan.

    >>> basis("text").split(". ")[1]
    'In our trials, TextCNN on news knows enough of such samples to pass well before the end'
    """
    return (
        f"No plan was given. In our trials, {_TRIALS[kind]}. Run jaxverify rehearse to measure it "
        "for your data and recipe."
    )
