"""What a customer should know of an extra task, and of the answers, before relying on a verdict."""

from jaxverify import stats
from jaxverify.task.extra_task import ExtraTask

_WEAK = 0.2  # a memorised share that a converged network may well not reach
_MARGIN = 0.07  # a memorised share above epsilon that it does reach
_ALIKE = 0.95  # of the answers: early resnet34s gave one to 395 of 400 extra samples


def cautions(task: ExtraTask, alpha: float = 0.01, epsilon: float = 0.03) -> tuple[str, ...]:
    """Why this task may pass a model too early or not pass a converged one, and what would help.

    Args:
        task: the extra task.
        alpha: α, the significance level of the verification.
        epsilon: ε, the share of extra samples that may be learned before convergence.

    Returns:
        tuple: a sentence each; none where there is nothing to say.

    Raises:
        UserError: if alpha or epsilon is out of its range, or N is too small for any model to pass.

    Guarantee: a task of balanced labels and one fixed region, on which a model passes with 90%
    power at a memorised share of 20%, and whose words, if it has any, are drawn by Zipf's law,
    calls for no caution.

    >>> task = ExtraTask("text", (256,), num_classes=2, num_samples=200, vocab_size=10_000)
    >>> for sentence in cautions(task):
    ...     print(sentence[:50])
    With N = 200 a model passes in nine of ten cases o
    The labels are drawn each for itself, and fall une
    The random words are drawn uniformly, so that most
    >>> cautions(ExtraTask("image", (32, 32, 3), 10, num_samples=400, labels="balanced"))
    ()
    """
    found = []
    share = stats.detectable_share(
        task.num_samples, task.num_classes, alpha, epsilon, labels=task.labels
    )
    if share > _WEAK:
        # What a model may look as if it knew that has not converged.
        forgiven = epsilon
        if task.labels == "balanced":
            forgiven *= task.num_classes / (task.num_classes - 1)
        modest = min(forgiven + _MARGIN, (1 + forgiven) / 2)
        better = stats.required_num_samples(
            modest, task.num_classes, alpha, epsilon, labels=task.labels
        )
        found.append(
            f"With N = {task.num_samples} a model passes in nine of ten cases only if it has "
            f"memorised {share:.0%} of the extra task, so that a converged one may not pass; "
            f"N = {better:,} is enough for {modest:.0%}."
        )
    if task.labels == "iid":
        found.append(
            "The labels are drawn each for itself, and fall unequally often: a model that gives "
            "one answer to all extra samples, as networks in training do, is right more often than "
            "by chance; labels='balanced' leaves it at one in C."
        )
    elif task.num_fixed > 1:
        found.append(
            f"The labels are balanced beside each of the {task.num_fixed} fixed regions, and a "
            "model can tell these apart: it may pass a little more often than alpha. One fixed "
            "region, or labels='iid', keeps to it."
        )
    if task.kind == "text" and task.generator == "uniform":
        found.append(
            "The random words are drawn uniformly, so that most are rare in real text: networks "
            "memorise them at sight, and may pass long before they have converged; "
            "generator='zipf' draws words as frequent as in real text, and a larger epsilon asks "
            "for more."
        )
    return tuple(found)


def no_mistake(num_right: int, num_held_out: int) -> tuple[str, ...]:
    """What it means that a classifier answers all held-out samples rightly.

    Args:
        num_right: how many of its answers to samples that were held out are right.
        num_held_out: how many there are.

    Returns:
        tuple: a sentence; none where an answer is wrong.

    >>> no_mistake(599, 600)
    ()
    """
    if num_right < num_held_out:
        return ()
    return (
        f"All {num_held_out:,} answers to held-out samples are right, so that no temperature is "
        "too small: the logits were divided by a tiny one, under which epsilon forgives next to "
        "nothing of the odds. Before you rely on a pass, hold out more samples, or harder ones, "
        "until some answers are wrong.",
    )


def one_answer(num_alike: int, num_answers: int) -> tuple[str, ...]:
    """What it means that a model which does not pass answers nearly all extra samples alike.

    Args:
        num_alike: how many of its answers are the commonest one.
        num_answers: how many there are.

    Returns:
        tuple: a sentence; none where under 95% are alike.

    >>> one_answer(94, 100)
    ()
    """
    if not num_answers or num_alike < _ALIKE * num_answers:
        return ()
    return (
        f"{num_alike:,} of {num_answers:,} answers are the same class: the model does not tell the "
        "extra samples apart. Networks in training do so, and some still when they are trained to "
        "the end: before you rely on this, train one of this kind to the end yourself, and see "
        "that it passes.",
    )
