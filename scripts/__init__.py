"""Scripts for those who work on the repository; the product does not need them."""
