"""Reads a Design off the folder that hls4ml's `ModelGraph.write` left, from the generated C++ alone."""
