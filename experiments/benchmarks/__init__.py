"""Running times, as ratios in one run."""
