"""What a user's own reports say against the estimates, and what is corrected by them."""
