"""What a run is told to do: a plan of stages, the recipe of each, and how settings are written."""
