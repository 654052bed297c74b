"""What all experiments share: the data's way over the devices, rows that survive a kill, tables with intervals."""
