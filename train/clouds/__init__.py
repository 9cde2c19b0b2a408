"""The matrix of clouds against constructions of the extra task, and the page that shows it."""
