"""What a backbone keeps: measures of its features, and their pictures."""
