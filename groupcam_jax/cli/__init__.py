"""The `groupcam` command."""
