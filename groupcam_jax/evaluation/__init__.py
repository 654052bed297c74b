"""The engine of `groupcam evaluate`: data spread over devices, rows that survive a kill, tables."""
