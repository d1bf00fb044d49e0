"""How long patches last along an upstream's history: cases, results, and how they are shown."""
