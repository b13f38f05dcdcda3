"""How the network that hears whether somebody sings is trained (`python -m voice.train`, from tools/)."""
