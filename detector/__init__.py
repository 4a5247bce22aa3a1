"""Finds firearms, their parts and ammunition in one X-ray view: bytes or arrays in, validated detections out."""

__version__ = "0.1.0"
