"""Networks in Flax Linen, in forms that are fast on CPUs too."""
