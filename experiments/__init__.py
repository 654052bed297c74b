"""One file per table or figure of the paper; each docstring holds the command, the paper's figures and ours."""
