"""Fine-tuning of classifiers, with pictures that the network itself augments: the engine of `groupcam fine-tune`."""
