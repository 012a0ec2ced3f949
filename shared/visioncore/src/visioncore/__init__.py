"""The core of the methods: devices, tiling, weights, training, images, metrics, reports, commands.

Import the module you need (``from visioncore.images import read_image``); nothing is loaded before.
"""
