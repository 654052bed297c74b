"""Is what `refined` gains true? What it follows, and what it does not, beside Group-CAM.

    python -m experiments.refined ../shared/models/mobilenet_v2.py:factory --data DIR --first 150 --output DIR

Each score is insertion minus deletion in per cent of the predicted class's probability, in 10 steps:

    standard            from the blurred picture and to zeros, as in the paper; both are followed
    noise               from and to Gaussian noise, of the kind that is followed, drawn anew
    soft                from and to a softer blur, that no step saw
    photo               from and to another photograph, that no step saw
    mean                from and to the mean colour of the picture, which is near to zeros and to its blur
    ROAD                removed pixels are filled in from what is left: the least salient first minus the most
    other network       standard, by another network for the same class
    moved               standard, of the map moved down and to the right by 8 pixels
    blurred             standard, of the map blurred by 8 pixels

With the same picture at both ends a score is the symmetric relevance gain. Beside them what lies on the object: `hit`,
`energy`, and the overlap with its box of what is above a share of the map's maximum (IoU; the share that is best for
each method on these pictures is shown).

Beside the methods of `groupcam evaluate` there are two: "refined at twice" starts from Grad-CAM and takes twice the
time of Group-CAM; "flat start" is the warning, steps in pixels alone from a map that means nothing, with blur alone.

docs/refined.md tells what was found: on photographs that no setting was chosen on, by other networks, on COCO, birds
and drawn scenes, by other measures and sanity checks, what it costs, and what was tried.
"""
