"""The training step: augmentation, loss, gradient and update as one program.

The batch is split over devices and processes, and the state is on all of them. Every random number comes from the seed,
the number of the step and the place in the batch: a run that is resumed goes on as if it had not stopped.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from groupcam_jax.program.params import by_name
from groupcam_jax.training.trainable import Arrays, BatchLogits, Trainable, of_all_classes
from groupcam_jax.types import Image, Label, ObjectMask, Params, PRNGKey


class Item(NamedTuple):
    """One picture to train on; a batch has its pictures on the first axis of each.

    Attributes:
      image: as the network expects it.
      label: its class.
      mask: where the object is, if the data tell.
    """

    image: Image
    label: Label
    mask: ObjectMask | None = None


Augment: TypeAlias = Callable[[Params, Item, PRNGKey], Image]


class Sums(NamedTuple):
    """Of the pictures since the epoch began: the sum of their losses, how many were right, how many there were."""

    loss: Float[Array, ""]
    right: Int[Array, ""]
    pictures: Int[Array, ""]


class State(NamedTuple):
    """All that training changes.

    Attributes:
      seed: of whatever the augmentation draws.
      step: how many steps were made.
      trained: the arrays that train, by name.
      fixed: the others, among them statistics.
      moments: of the optimizer.
      sums: see `Sums`.
    """

    seed: Int[Array, ""]
    step: Int[Array, ""]
    trained: Arrays
    fixed: Arrays
    moments: optax.OptState
    sums: Sums


class Outcome(NamedTuple):
    """Of one step: the mean loss, the share of right answers, and whether loss and update are finite."""

    loss: Float[Array, ""]
    accuracy: Float[Array, ""]
    finite: Bool[Array, ""]


def first_state(network: Trainable, optimizer: optax.GradientTransformation, seed: int) -> State:
    """The state before the first step; it has copies of the weights, since a step may give its state away."""
    trained, fixed = jax.tree.map(jnp.array, (dict(network.trained), dict(network.fixed)))
    return State(jnp.int32(seed), jnp.int32(0), trained, fixed, optimizer.init(trained), no_sums())


def no_sums() -> Sums:
    """Of no picture."""
    return Sums(jnp.float32(0), jnp.int32(0), jnp.int32(0))


def training_step(
    network: Trainable,
    optimizer: optax.GradientTransformation,
    augment: Augment | None,
    steps_per_epoch: int,
) -> Callable[[State, Item], tuple[State, Outcome]]:
    """Builds the step, to be jitted with its state donated.

    Args:
      network: what is trained.
      optimizer: from gradients to updates.
      augment: what each picture becomes before the network is trained on it; None leaves it as it is.
      steps_per_epoch: after so many steps the sums begin anew.
    """

    def step(state: State, batch: Item) -> tuple[State, Outcome]:
        params = params_of(network, state)
        shown = batch.image
        if augment is not None:
            key = jax.random.fold_in(jax.random.key(state.seed), state.step)
            keys = jax.random.split(key, len(batch.label))
            shown = jax.lax.stop_gradient(jax.vmap(augment, (None, 0, 0))(params, batch, keys))

        def objective(trained: Arrays):
            logits, after = network.in_training(network.join({**trained, **state.fixed}), shown)
            losses = cross_entropy(logits, batch.label)
            return losses.mean(), (right_answers(logits, batch.label), after)

        (loss, (right, after)), gradient = jax.value_and_grad(objective, has_aux=True)(dict(state.trained))
        if augment is not None and network.updates:
            _, after = network.in_training(params, batch.image)
        updates, moments = optimizer.update(gradient, state.moments, dict(state.trained))
        trained: Any = optax.apply_updates(dict(state.trained), updates)
        named = by_name(after)[0]
        sums = jax.tree.map(lambda old: jnp.where(state.step % steps_per_epoch == 0, 0, old), state.sums)
        count = len(batch.label)
        sums = Sums(sums.loss + count * loss, sums.right + right.sum(), sums.pictures + count)
        finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(updates))
        fixed = {name: named[name] for name in state.fixed}
        return State(state.seed, state.step + 1, trained, fixed, moments, sums), Outcome(loss, right.mean(), finite)

    return step


def evaluation(network: Trainable) -> Callable[[State, Item, Bool[Array, " n"]], Sums]:
    """Builds the evaluation of a batch: its sums over the pictures that count."""

    def evaluate(state: State, batch: Item, counts: Bool[Array, " n"]) -> Sums:
        logits = of_all_classes(network.apply(params_of(network, state), batch.image))
        losses = jnp.where(counts, cross_entropy(logits, batch.label), 0)
        return Sums(losses.sum(), (right_answers(logits, batch.label) & counts).sum(), counts.sum())

    return evaluate


def params_of(network: Trainable, state: State) -> Params:
    """The params of the network's `apply` at this state."""
    return network.join({**state.trained, **state.fixed})


def cross_entropy(logits: BatchLogits, labels: Int[Array, " n"]) -> Float[Array, " n"]:
    """The loss of each picture."""
    return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)


def right_answers(logits: BatchLogits, labels: Int[Array, " n"]) -> Bool[Array, " n"]:
    """Whether the most probable class of each picture is its own."""
    return logits.argmax(1) == labels
