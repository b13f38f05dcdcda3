"""From sound or a store to windows, and from windows to what a network says."""
