"""Looking into a network: embeddings, attention, the audit."""
