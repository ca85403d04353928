"""How long a case takes in torch, in the SavedModel and under XLA: measured in pairs, told as ratios."""
