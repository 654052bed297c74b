"""The engine of `groupcam evaluate`: data on its way over the devices, rows that survive a kill, tables."""
