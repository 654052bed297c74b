"""captum's form of our methods, beside which their speed is measured, computes what ours do.

On a shallow ResNet of the blocks that ResNet-50 is made of: ReLUs in place, one module called three times. What is
compared is the attribution or, of methods that tell none, what they make of it. SmoothGrad averages 50 gradients, with
other noise in each framework: the two agree as far as 50 samples tell.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from seeded import seeded_variables

torch = pytest.importorskip("torch")
pytest.importorskip("captum")

from test_torch_peer import seeded  # noqa: E402

from experiments.benchmarks.captum_peers import PEERS  # noqa: E402
from experiments.benchmarks.torch_networks import ResNet50  # noqa: E402
from groupcam_jax import gradient, signed  # noqa: E402
from groupcam_jax.methods import METHODS  # noqa: E402
from groupcam_jax.stages.masks import unit_range  # noqa: E402
from pretrained.networks.resnet import Bottleneck, ResNet  # noqa: E402

OPTIONS = {
    "grad-cam": {"layer": "layer2_0"},
    "guided-grad-cam": {"layer": "layer2_0"},
    "integrated-gradients": {"step_batch": None},  # small images need no batches, and without a loop it is faster
    "smooth-grad": {"sample_batch": None, "method": functools.partial(gradient, reduce=signed)},
}
REDUCED = {
    "grad-cam": lambda attribution: unit_range(attribution[:, :, 0]),
    "occlusion": lambda attribution: unit_range(jax.nn.relu(attribution[:, :, 0])),  # every channel has the same
    "smooth-grad": signed,
}
pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks")


def shallow():
    """The first blocks of layer1 and layer2 of ResNet-50, with ten classes."""
    model = ResNet50()
    model.layer1, model.layer2 = model.layer1[:1], model.layer2[:1]
    model.layer3 = model.layer4 = torch.nn.Identity()
    model.fc = torch.nn.Linear(512, 10)
    return model


@pytest.fixture(scope="module")
def networks():
    """Ours, its weights, and PyTorch's with the same weights."""
    module = ResNet(Bottleneck, (1, 1), 10)
    return module.apply, seeded_variables(module), seeded(shallow)


@pytest.mark.parametrize("method", PEERS)
def test_computes_what_ours_does(networks, method):
    apply, params, model = networks
    image = np.random.default_rng(0).standard_normal((64, 64, 3)).astype(np.float32)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].requires_grad_()
    label = int(model(pixels).argmax())  # both Grad-CAM and occlusion have something to say of it
    torch.manual_seed(0)
    theirs = jnp.asarray(PEERS[method](model, model.layer2, pixels, label)[0].detach().permute(1, 2, 0).numpy())

    explain = functools.partial(METHODS[method], **OPTIONS.get(method, {}), has_aux=True)(apply, params)
    saliency, aux = jax.jit(lambda image: explain(image, label, key=jax.random.key(0)))(image)
    ours, theirs = (saliency, REDUCED[method](theirs)) if method in REDUCED else (aux.attribution, theirs)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > (0.8 if method == "smooth-grad" else 0.9999)
    if method != "smooth-grad":  # a ReLU at its kink may open in one framework only: then a few values differ
        assert np.quantile(np.abs(ours - theirs), 0.99) < 1e-4 * np.ptp(theirs)
