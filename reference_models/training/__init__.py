"""The trainer: a stage says what is optimised, the loop does the rest."""
