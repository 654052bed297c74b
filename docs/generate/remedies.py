"""What to do about each message: most say it themselves, and here it is told for the others."""

import re

# Words by which a message says what to do, or what was expected instead of what came.
SAYING = re.compile(
    r"\b(expected|choose|pass|use|set|run|leave|give|name (?:one|it|a file|a layer|the pictures)|install|save|return"
    r"|explain|returns|must|needs?|at (?:most|least)|there are|it finds|known are|takes|may help|put|open|works too"
    r"|such as|move|rename|is for|between|goes? with|goes on|for several|is one or more|maps logits|finds one"
    r"|count from|try again)\b|^name |groupcam explain -|[^-]--category|\{by_hand|\{remedy|\{refusal",
    re.IGNORECASE,
)
# What to do, and a regular expression that is found in `FILE: TEXT` of the messages that it is for; the first counts.
REMEDIES = {
    "Download or copy the files again, all of them into the folder of their index.": r"pretrained/torch_files/shards",
    "Name the state dict that you want: `--state-dict NAME`.": r"has no state dict|took the state dict",
    "Save the weights anew, `torch.save(model.state_dict(), FILE)` or as safetensors. Nothing in the file was run.": (
        r"pretrained/torch_files/(?!(unpickler|stand_ins).*refused|state_dict|contents.*choose)"
    ),
    "Choose the network that the file is of (`--model`), or bring your own: `--model FILE.py:factory`.": (
        r"is not of this (model|network)(?!, install)|does not hold the weights|has its own weights"
    ),
    "Take another file: the training that wrote this one has diverged, or it is damaged.": "weights are NaN",
    "Fine-tune again, or take another file that `groupcam fine-tune` has written.": r"fine_tuned.py: ",
    "Download that file again from where the weights come.": r"beside it is damaged",
    "Nothing: the weights are loaded. It tells what was decided, such as the names that were taken.": (
        r"catalogue.py: \{IMAGENET.*weights\}$"
    ),
    "What comes after the name of the file tells it; it has an entry of its own here.": (
        r"(catalogue|coco).py: .*\{error\}|convert/__main__"
    ),
    "Mend the annotation, or leave it: such pictures are left out and counted, and the others are measured.": (
        r"boxes are for|has no area|lies outside|is beyond|without \{path|\{annotation\.id|which is not listed"
        r"|has class \{|category at \{|\{str\(error\)|no box of its|run lengths for|are left out: \{some\(self"
    ),
    "Give each picture, and each category, a name or number of its own in the annotations.": (
        r"more than once|may be \{found|is that of \{|several categories called"
    ),
    "Nothing, if those were not to be measured. Otherwise move them, or annotate them.": (
        r"which are left out: |or hidden, are left out|categories have no pictures: \{some\(empty\)"
        r"|objects without outlines"
    ),
    "Choose the folder of the pictures that were annotated.": r"annotated pictures is in it|no picture is annotated",
    "Prepare the data set again, or copy it again; `git lfs pull` fetches what a pointer stands for.": (
        r"data/catalogue.py: .*(damaged|missing|cut short|cannot be read)"
    ),
    "Choose a split that is there, or leave out `--split`.": r"has the splits|no split",
    "Give a folder that is there, or the name of a prepared data set.": r"no folder \{",
    "Correct the file of `--category-classes`: a class of the network in one category at most.": r"categories.py: ",
    "Choose other categories.": r"no picture of",
    "Resize to more pixels, or crop fewer.": r"cannot crop",
    "Cut the picture if it is to be measured.": r"too long and narrow",
    "Correct these ids. If the categories are your own, give them other names than WordNet's.": r"are WordNet ids",
    "Save the file anew, as UTF-8.": r"no text in UTF-8|nested too deeply",
    "Save the picture anew, as PNG or JPEG. The other pictures are explained meanwhile.": (
        r"pictures/(decode|tiff)\.py: (?!.*(git lfs|pip install))"
    ),
    "If that is not its range, save the picture with 8 bits.": r"are taken for",
    "Give one name for each class, as text, in the order of the logits.": (
        r"not all of them are text|is blank|names, and the network"
    ),
    "Write `--model FILE.py:FUNCTION`; see [your own model](models.md).": r"factories.py: \{told\}: (there|\{path)",
    "Give an index from this range, or a part of a class's name.": r"--class \{wanted\}: the model has",
    "Leave the option out for these methods; the [reference](reference.md) lists what each takes.": r"is no option of",
    "Choose one of the categories that it has.": r"has no category",
    "Choose a method that needs no layer, such as `rise`. What each method lacks is printed above.": (
        "of the methods fits"
    ),
    "Choose a method without rules of its own, such as `grad_cam` or `integrated_gradients`.": (
        r"the (rule|backward rule) of"
    ),
    "Choose a method that is defined for these operations, such as `grad_cam`; the message names the first.": "refusal",
    "Bring both to one height and width: `jax.image.resize` stretches a map.": r"does not fit the image|of a mosaic",
    "Choose percentages that hide some of the pixels, and not all.": r"are no pixel, or all",
    "Look for `stop_gradient`, rounding or `argmax` before the logits, or explain without gradients: `rise`.": (
        r"gradient of the logits is 0"
    ),
    "Look whether the function uses its second argument, the images; the first is `params`.": r"depend on the images",
    "Choose a layer of those that the message lists; [which layer?](layers.md) helps.": r"no such index",
    "Give the grid or format that the program shows, or leave `tokens_to_grid` and `data_format` out.": r"not laid out",
    "Give one probability for each class, or none.": r"probabilities for",
    "Make the same folders for training and for validation, one for each category.": (
        r"training/data.py: \{validation|order$"
    ),
    "Look at the pictures that are named: they may have been copied in part.": r"many pictures in a row",
    "Freeze less: a narrower `--frozen`.": r"nothing trains",
    "Correct the regular expression; what Python says of it follows.": r"is no regular expression",
    "Give the path of a file that is there.": r"there is no file \{os",
    "Write an expression that is found in the names of arrays, such as those in the message.": r"finds none of",
}


def remedy(path: str, text: str) -> str | None:
    """What to do about a message, in Markdown; None where its text alone tells.

    Args:
      path: the file that raises it, from the root of the repository.
      text: as it is written.
    """
    return next((told for told, found in REMEDIES.items() if re.search(found, f"{path}: {text}")), None)
