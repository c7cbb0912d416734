"""Millrace's trainer: a Parquet training set in, an ONNX model that carries its contract out."""
