"""Training a network on arrays as people train: augmentation, a recipe, one short loop."""
