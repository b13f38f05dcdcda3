"""The machine: files, downloads, devices, processes, terminals."""
