"""Workstation: photographs to a trained network to ONNX. The only place that imports torch."""
