"""A model as a flat program of equations, in which a layer is found and cut; the model itself is not changed."""
