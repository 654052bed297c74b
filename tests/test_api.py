"""The public surface: how it is called, how it is described, and what importing it costs."""

import ast
import inspect
import pathlib
import subprocess
import sys
import typing

import groupcam_jax
from groupcam_jax.methods import METHODS

PUBLIC = {name: thing for name, thing in vars(groupcam_jax).items() if not name.startswith("_") and callable(thing)}
BUILDERS = [
    thing
    for thing in PUBLIC.values()
    if inspect.isfunction(thing) and [*inspect.signature(thing).parameters][-1:] == ["has_aux"]
]


def test_builders_are_called_alike():
    for builder in BUILDERS:
        parameters = [*inspect.signature(builder).parameters.values()]
        assert [parameter.name for parameter in parameters[:2]] == ["model_apply", "params"]
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[2:])
        assert parameters[-1].name == "has_aux"
        assert not [p.name for p in parameters if isinstance(p.default, str)]
        assert typing.get_type_hints(builder)["model_apply"] is groupcam_jax.Model


def test_everything_public_says_all_there_is_to_say():
    for builder in BUILDERS:
        text = inspect.getdoc(builder)
        missing = [f"\n  {name}: " for name in inspect.signature(builder).parameters]
        missing = [part for part in (*missing, "Args:", "Returns:", "Raises:") if part not in text]
        assert not missing, builder.__name__
        assert "arXiv:" in inspect.getmodule(builder).__doc__
    assert not [name for name, thing in PUBLIC.items() if not inspect.getdoc(thing)]


def test_every_method_of_the_command_line_is_a_builder():
    for method in METHODS.values():
        assert getattr(method, "func", method) in BUILDERS


def test_core_is_written_with_jax_numpy_jaxtyping_and_dm_pix():
    root = pathlib.Path(groupcam_jax.__file__).parent
    imported = set()
    # Each of these needs an extra.
    parts = {"cli", "evaluation", "pictures", "plots.py", "progress_line.py", "report", "training"}
    for path in (path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in parts):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.partition(".")[0] for name in names}
    optional = {"scipy", "skimage"}  # SciPy comes with JAX; a message says where scikit-image is missing
    assert imported - sys.stdlib_module_names - optional == {"groupcam_jax", "jax", "jaxtyping", "numpy", "dm_pix"}


def test_core_runs_where_nothing_else_is_installed():
    code = """
import sys
import typing

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"{name} is not part of the core")

sys.meta_path.insert(0, Refuse())
import groupcam_jax, jax, jax.numpy as jnp
model = lambda params, images: jax.nn.relu(images).mean((1, 2)) @ params
explain = groupcam_jax.group_cam(model, jnp.ones((3, 2)), groups=3)
assert explain(jnp.ones((4, 4, 3))).shape == (4, 4)
"""
    refused = ["flax", "matplotlib", "PIL", "typer", "rich", "safetensors", "requests", "filelock", "optax", "torch"]
    refused += ["skimage", "pretrained", "experiments"]
    subprocess.run([sys.executable, "-c", code, *refused], check=True)
