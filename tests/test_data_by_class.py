"""The labels of a data set are a network's classes where their names are the same, not where their numbers are."""

import numpy as np
import pytest

from groupcam_jax.evaluation.data import Dataset, Example, by_category, by_class
from pretrained.networks.imagenet import class_index

IDS, NAMES = ([*column] for column in zip(*class_index(), strict=True))
GOLDFISH, SHARK, CRANE, TABBY = 1, 2, 517, 281  # the crane that lifts loads; a bird comes before it


def pictures(categories, labels):
    """A picture of each label, with a box of it and one of the category before it."""

    def read(index):
        boxes, kinds = np.zeros((2, 4), np.float32), np.array([labels[index], labels[index] - 1], np.int32)
        return Example(f"p{index}", np.zeros((2, 2, 3), np.uint8), labels[index], boxes, kinds)

    return Dataset("drawn", tuple(categories), len(labels), read, labels.__getitem__, lambda index: [labels[index]])


@pytest.mark.parametrize(
    ("categories", "labels", "class_names", "expected"),
    [
        (["Ant", "bee_eater"], [0, 1], ["bee eater", "cow", "ant"], [2, 0]),
        (["0", "1", "10", "2"], [0, 2, 3], [str(label) for label in range(11)], [0, 10, 2]),  # folders, sorted
        (IDS, [TABBY, GOLDFISH], [IDS[GOLDFISH], IDS[SHARK], IDS[TABBY]], [2, 0]),  # as fine-tuning leaves it
        (IDS, [TABBY, GOLDFISH], ["tabby", "Great White Shark", "goldfish"], [0, 2]),
        (["goldfish", "tabby"], [1, 0], IDS, [TABBY, GOLDFISH]),
        (["tabby", "goldfish"], [0, 1], ["background", *NAMES], [1 + TABBY, 1 + GOLDFISH]),
    ],
)
def test_labels_are_the_classes_of_that_name(categories, labels, class_names, expected):
    dataset, strangers, told = by_class(pictures(categories, labels), class_names)
    assert ([example.label for example in dataset], strangers, told) == (expected, False, "")
    assert [dataset.label(index) for index in range(len(labels))] == expected
    assert [dataset.shown(index) for index in range(len(labels))] == [[label] for label in expected]
    for example in dataset:
        assert (example.categories == example.label).tolist() == [True, False]
    assert [known == str(index) for index, known in enumerate(dataset.identities())] == [
        one == other for one, other in zip(labels, expected, strict=True)
    ]


def synonyms(*labels):
    """ImageNet's names as its lists have them, where the labels are."""
    told = {CRANE: "crane", GOLDFISH: "goldfish, Carassius auratus", SHARK: "great white shark, white shark"}
    return [told[label] if label in labels else f"class {label}" for label in range(max(labels) + 1)]


@pytest.mark.parametrize("class_names", [IDS, NAMES, [name.replace("goldfish", "gold carp") for name in NAMES]])
@pytest.mark.parametrize("categories", [IDS, NAMES, synonyms(GOLDFISH, SHARK, CRANE), synonyms(CRANE)])
def test_imagenet_is_itself_however_its_names_are_spelled(categories, class_names):
    dataset = pictures(categories, [CRANE])
    assert by_class(dataset, class_names) == (dataset, False, "")


@pytest.mark.parametrize(
    ("categories", "class_names"),
    [
        (["class 0", "class 1"], ["ant", "bee"]),
        (["0", "1"], ["ant", "bee"]),
        (["ant", "class 1"], ["ant", "bee"]),
        (["bee", "ant"], ["class 0", "class 1"]),
    ],
)
def test_numbers_are_taken_where_there_are_no_names(categories, class_names):
    dataset = pictures(categories, [0, 1])
    same, strangers, told = by_class(dataset, class_names)
    assert (same, strangers) == (dataset, False)
    assert "and the network's classes are matched by number, for want of names" in told


@pytest.mark.parametrize(
    ("categories", "class_names", "named"),
    [
        (["ant", "elk"], ["ant", "bee"], "1 of 2 categories are no class of the network by name: 'elk'"),
        (["bee", "class 1"], ["ant", "bee"], "1 of 2 categories are no class of the network by name: 'class 1'"),
        (["0", "10"], ["ant", "bee"], "2 of 2 categories are no class of the network by name: '0', '10'"),
        (["elk", "ant"], ["ant", "bee", "ant"], "2 of 2 categories are no class of the network by name: 'elk', 'ant'"),
    ],
)
def test_categories_without_a_class_are_named_and_are_none_of_the_network(categories, class_names, named):
    dataset, strangers, told = by_class(pictures(categories, [0, 1]), class_names)
    assert (strangers, told) == (True, f"drawn: {named}")
    assert len(class_names) in [example.label for example in dataset]


def test_only_the_categories_of_pictures_matter_and_pictures_whose_class_has_their_number_stay_themselves():
    dataset, strangers, told = by_class(pictures(["ant", "bee", "elk", "cow"], [0, 1, 3]), ["ant", "bee", "cow"])
    assert ([example.label for example in dataset], strangers, told) == ([0, 1, 2], False, "")
    assert dataset.identities()[:2] == ["0", "1"]
    unlabelled = pictures(["elk", "cow"], [-1])
    assert by_class(unlabelled, ["ant", "bee"]) == (unlabelled, False, "")


def test_a_picture_without_boxes_shows_its_own_category():
    dataset = pictures(["ant", "bee"], [1, 0])
    bare = Dataset("bare", dataset.categories, 2, dataset.read, dataset.label, lambda index: [])
    assert [(example.id, example.label) for example in by_category(bare, ["bee", "ant"])] == [("p0", 0), ("p1", 1)]
