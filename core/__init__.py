"""The foundation that every other package uses: errors, files, images, weights, registries, pages.

It imports nothing else of tpgbench.
"""
