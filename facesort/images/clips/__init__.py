"""Clips: a file of moving pictures to samples, frames at times that are upright sRGB pixels."""
