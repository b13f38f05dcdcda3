"""The machine: files, downloads, other people's weights, devices, processes, terminals."""
