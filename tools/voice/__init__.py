"""Training of the network that hears whether somebody sings (`python -m voice.train`, from tools/)."""
