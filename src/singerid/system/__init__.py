"""The machine: files, downloads, weights of others, devices, processes, terminals."""
