"""What tracelog costs and what it loses, measured beside its peers. Each file but the shared two is a script."""
