"""From a file to pieces of its sound: which decoder, and what no decoder reads alone."""
