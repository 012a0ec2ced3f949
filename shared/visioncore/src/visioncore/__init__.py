"""The small core under the methods: devices, tiling, checkpoints, training, images, metrics, reports, commands.

Import the module you need (``from visioncore.images import read_image``); nothing is loaded before.
"""
