"""`./dev bench`: what the product costs, each line beside its floor in the same run."""
