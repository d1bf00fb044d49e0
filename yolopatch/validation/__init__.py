"""Many small proofs at once: cells of a matrix, each in processes of its own, with results that outlive a kill."""
