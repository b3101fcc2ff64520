"""Rewrites of an `onnx_ir.Model`, one `onnx_ir.passes` class per file."""
