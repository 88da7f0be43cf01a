"""The compiled arithmetic of features; each module stands alone, so that none is kept compiled with another's past."""
